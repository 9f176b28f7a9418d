#include "os/descriptor_kind.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <iostream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/os/descriptor_samples.h"
#include "tests/support/child.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/fault_injection.h"

namespace fdrpc::testing {
namespace {

class DescriptorKindTest : public ::testing::Test {
 protected:
  // Of the device that memfds are on.
  static void LearnOnce() {
    (void)IsMemfd(UniqueFd(memfd_create("a", MFD_CLOEXEC)).get());
  }

  ExpectSameDescriptors census_;
};

// How many samples are not what they should be.
int WrongSamples() {
  int wrong = 0;
  for (const DescriptorSample& sample : DescriptorSamples()) {
    const UniqueFd fd = sample.make();
    const DescriptorInfo info = InfoOf(fd.get());
    if (fd.ok() && info.kind == sample.kind && info.access == sample.access) {
      continue;
    }
    std::cerr << sample.name << " " << fd.get() << ": " << InWords(info.kind)
              << " for " << InWords(info.access) << "\n";
    ++wrong;
  }
  return wrong;
}

TEST_F(DescriptorKindTest, EachKindIsRecognised) {
  EXPECT_EQ(WrongSamples(), 0);
}

TEST_F(DescriptorKindTest, AnUnprivilegedProcessRecognisesThemToo) {
  EXPECT_EQ(InChild([] {
              BecomeUnprivileged();
              return WrongSamples();
            }),
            0);
}

TEST_F(DescriptorKindTest, NothingIsReadWrittenOrChanged) {
  const UniqueFd event(eventfd(7, EFD_CLOEXEC));
  EXPECT_EQ(InfoOf(event.get()).kind, DescriptorKind::kEventfd);
  eventfd_t value = 0;
  EXPECT_EQ(eventfd_read(event.get(), &value), 0);
  EXPECT_EQ(value, 7u);
}

TEST_F(DescriptorKindTest, TheFileIsIdentified) {
  const UniqueFd fd(memfd_create("a", MFD_CLOEXEC));
  ASSERT_EQ(write(fd.get(), "12345", 5), 5);
  struct stat file;
  ASSERT_EQ(fstat(fd.get(), &file), 0);
  DescriptorInfo info = InfoOf(fd.get());
  EXPECT_EQ(info.fd, fd.get());
  EXPECT_EQ(info.device, file.st_dev);
  EXPECT_EQ(info.inode, file.st_ino);
  EXPECT_EQ(info.size, 5u);
  EXPECT_FALSE(info.nonblocking);
  EXPECT_TRUE(InfoOf(OpenFifo().get()).nonblocking);

  info.field = "a.B.file";
  info.fd = 7;
  info.inode = 12;
  EXPECT_EQ(::testing::PrintToString(info),
            "a.B.file: descriptor 7, a memfd for reading and writing, inode "
            "12, 5 bytes");
}

TEST_F(DescriptorKindTest, WhatIsNotToldIsLeftOut) {
  LearnOnce();
  for (const DescriptorSample& sample : DescriptorSamples()) {
    const UniqueFd fd = sample.make();
    FaultInjection faults(
        [](std::string_view, size_t) -> FaultInjection::Fault {
          return {.error = EACCES};
        });
    const DescriptorInfo info = InfoOf(fd.get());
    EXPECT_EQ(info.fd, fd.get()) << sample.name;
    EXPECT_EQ(info.kind, DescriptorKind::kOther) << sample.name;
    EXPECT_EQ(info.inode, 0u) << sample.name;
  }
}

}  // namespace
}  // namespace fdrpc::testing
