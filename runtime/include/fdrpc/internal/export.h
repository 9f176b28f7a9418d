#ifndef FDRPC_INTERNAL_EXPORT_H_
#define FDRPC_INTERNAL_EXPORT_H_

// Marks what libfdrpc.so exports (docs/versioning.md): the functions of the
// public headers, and their classes that have functions outside of the headers
// or virtual functions; and of the others, what fdrpc::grpc uses, which is an
// archive in any case. A shared build hides everything else.
#define FDRPC_API [[gnu::visibility("default")]]

#endif  // FDRPC_INTERNAL_EXPORT_H_
