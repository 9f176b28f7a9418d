#include "tests/support/probe_sites.h"

#include <elf.h>
#include <link.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <string_view>

namespace fdrpc::testing {
namespace {

// An ELF file in memory.
class ElfFile {
 public:
  explicit ElfFile(const std::string& path) {
    std::ifstream file(path, std::ios::binary | std::ios::ate);
    if (!file.is_open()) return;
    bytes_.resize(static_cast<size_t>(file.tellg()));
    file.seekg(0);
    file.read(bytes_.data(), static_cast<std::streamsize>(bytes_.size()));
    header_ = At<ElfW(Ehdr)>(0);
  }

  // The content of a section; empty if there is none of that name.
  std::string_view Section(std::string_view wanted) const {
    const auto names = SectionHeader(header_.e_shstrndx);
    for (int i = 0; i < header_.e_shnum; ++i) {
      const ElfW(Shdr) section = SectionHeader(i);
      if (wanted == bytes_.data() + names.sh_offset + section.sh_name) {
        return std::string_view(bytes_).substr(section.sh_offset,
                                               section.sh_size);
      }
    }
    return {};
  }

  // Where in the file the code at that address is.
  uint64_t OffsetOf(uint64_t address) const {
    for (int i = 0; i < header_.e_phnum; ++i) {
      const auto segment =
          At<ElfW(Phdr)>(header_.e_phoff + i * sizeof(ElfW(Phdr)));
      if (segment.p_type == PT_LOAD && address >= segment.p_vaddr &&
          address < segment.p_vaddr + segment.p_filesz) {
        return address - segment.p_vaddr + segment.p_offset;
      }
    }
    return 0;
  }

 private:
  template <typename T>
  T At(size_t offset) const {
    T value = {};
    if (offset + sizeof(T) <= bytes_.size()) {
      memcpy(&value, bytes_.data() + offset, sizeof(T));
    }
    return value;
  }
  ElfW(Shdr) SectionHeader(int index) const {
    return At<ElfW(Shdr)>(header_.e_shoff + index * sizeof(ElfW(Shdr)));
  }

  std::string bytes_;
  ElfW(Ehdr) header_;
};

size_t Padded(size_t bytes) { return (bytes + 3) & ~size_t{3}; }

// The next string of a note, which ends with a zero byte.
std::string TakeString(std::string_view& from) {
  std::string text(from.substr(0, from.find('\0')));
  from.remove_prefix(std::min(from.size(), text.size() + 1));
  return text;
}

}  // namespace

std::vector<ProbeSite> ProbeSitesOfThisProgram() {
  const ElfFile program("/proc/self/exe");
  std::vector<ProbeSite> sites;
  std::string_view notes = program.Section(".note.stapsdt");
  ElfW(Nhdr) note;
  while (notes.size() >= sizeof(note)) {
    memcpy(&note, notes.data(), sizeof(note));
    notes.remove_prefix(sizeof(note) + Padded(note.n_namesz));
    std::string_view content = notes.substr(0, note.n_descsz);
    notes.remove_prefix(std::min(notes.size(), Padded(note.n_descsz)));
    // Of the code, of the section .stapsdt.base, and of the semaphore.
    ElfW(Addr) addresses[3];
    if (content.size() < sizeof(addresses)) break;
    memcpy(addresses, content.data(), sizeof(addresses));
    content.remove_prefix(sizeof(addresses));
    ProbeSite& site = sites.emplace_back();
    site.provider = TakeString(content);
    site.name = TakeString(content);
    site.arguments = TakeString(content);
    site.file_offset = program.OffsetOf(addresses[0]);
    site.semaphore = addresses[2];
  }
  return sites;
}

}  // namespace fdrpc::testing
