#include "services/filebroker/file_kind.h"

namespace fdrpc::filebroker {

v1::FileKind KindOf(mode_t mode) {
  if (S_ISREG(mode)) return v1::FILE_KIND_REGULAR;
  if (S_ISFIFO(mode)) return v1::FILE_KIND_FIFO;
  if (S_ISCHR(mode)) return v1::FILE_KIND_CHARACTER_DEVICE;
  if (S_ISBLK(mode)) return v1::FILE_KIND_BLOCK_DEVICE;
  if (S_ISDIR(mode)) return v1::FILE_KIND_DIRECTORY;
  if (S_ISLNK(mode)) return v1::FILE_KIND_SYMBOLIC_LINK;
  if (S_ISSOCK(mode)) return v1::FILE_KIND_SOCKET;
  return v1::FILE_KIND_UNSPECIFIED;
}

}  // namespace fdrpc::filebroker
