#ifndef FDRPC_TESTS_SUPPORT_RULED_PARCEL_H_
#define FDRPC_TESTS_SUPPORT_RULED_PARCEL_H_

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <string>
#include <vector>

#include "rules.fdrpc.h"
#include "tests/support/files.h"

namespace fdrpc::testing {

// Attaches descriptors to a Ruled or an Unruled that keep all rules.
template <typename Message>
void FillWell(Parcel<Message>& parcel) {
  parcel.set_file(FileWith("file"));
  parcel.add_pipes(Pipe().first);
  parcel.add_pipes(Pipe().second);
  parcel.set_sockets("a", SocketPair().first);
  parcel.set_event(UniqueFd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)));
  parcel.Attach(parcel->mutable_inner()->mutable_file(), FileWith("inner"));
}

// A way to break a rule, and what the error says.
template <typename Message>
struct BrokenRule {
  void (*spoil)(Parcel<Message>& parcel);
  std::string error;
};

// One for each field of the message and each kind of rule.
template <typename Message>
std::vector<BrokenRule<Message>> BrokenRules() {
  using P = Parcel<Message>;
  return {
      {[](P& parcel) { parcel.clear_file(); },
       "field fdrpc.testing.Ruled.file: it is missing, and the field's rules "
       "demand a descriptor"},
      {[](P& parcel) { parcel.set_file(Pipe().first); },
       "field fdrpc.testing.Ruled.file: the descriptor is a pipe or FIFO, and "
       "the field's rules demand a regular file"},
      {[](P& parcel) {
         parcel.set_file(
             UniqueFd(open("/tmp", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600)));
       },
       "field fdrpc.testing.Ruled.file: the descriptor is open for writing "
       "alone, and the field's rules demand reading"},
      {[](P& parcel) {
         parcel.Attach(parcel->mutable_pipes(1), SocketPair().first);
       },
       "field fdrpc.testing.Ruled.pipes[1]: the descriptor is a socket, and "
       "the field's rules demand a pipe or FIFO"},
      {[](P& parcel) {
         parcel.add_pipes(Pipe().first);
         parcel.add_pipes(Pipe().first);
       },
       "field fdrpc.testing.Ruled.pipes: it has 4 descriptors, and the "
       "field's rules allow 3"},
      {[](P& parcel) {
         parcel.set_sockets(
             "b", UniqueFd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)));
       },
       "field fdrpc.testing.Ruled.sockets[\"b\"]: the descriptor is an "
       "AF_INET socket, and the field's rules demand AF_UNIX"},
      {[](P& parcel) {
         parcel.clear_event();
         parcel.set_sealed(
             UniqueFd(memfd_create("a", MFD_CLOEXEC | MFD_ALLOW_SEALING)));
       },
       "field fdrpc.testing.Ruled.sealed: the descriptor is a memfd without "
       "F_SEAL_SHRINK, and the field's rules demand this seal"},
      {[](P& parcel) { parcel.set_event(UniqueFd(eventfd(0, EFD_CLOEXEC))); },
       "field fdrpc.testing.Ruled.event: the descriptor is blocking, and the "
       "field's rules demand O_NONBLOCK"},
      {[](P& parcel) {
         Parcel<Message>& whole = parcel;
         whole.Close(whole->inner().file());
         whole->mutable_inner()->clear_file();
       },
       "field fdrpc.testing.Ruled.file (inner.file of fdrpc.testing.Ruled): it "
       "is missing"},
  };
}

}  // namespace fdrpc::testing

#endif  // FDRPC_TESTS_SUPPORT_RULED_PARCEL_H_
