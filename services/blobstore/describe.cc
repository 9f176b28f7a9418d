#include "services/blobstore/describe.h"

namespace fdrpc::blobstore {

void Describe(const BlobInfo& info, v1::Blob& blob) {
  blob.set_name(info.key.name);
  blob.set_size(info.bytes);
  blob.set_owner(info.key.owner);
  blob.set_readers(info.readers == Readers::kEveryone ? v1::READERS_EVERYONE
                                                      : v1::READERS_OWNER);
  blob.set_pins(info.pins);
  blob.set_in_memory(info.in_memory);
  blob.set_on_disk(info.on_disk);
}

}  // namespace fdrpc::blobstore
