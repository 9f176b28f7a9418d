#ifndef FDRPC_SERVICES_PROGRAM_STANDARD_STREAMS_H_
#define FDRPC_SERVICES_PROGRAM_STANDARD_STREAMS_H_

namespace fdrpc::program {

// Occupies those of the descriptors 0, 1 and 2 that the program was started
// without. Otherwise one of its sockets could get such a number, and be written
// to as standard output. Using the occupied descriptors fails. False if this is
// not possible.
bool OccupyStandardStreams();

}  // namespace fdrpc::program

#endif  // FDRPC_SERVICES_PROGRAM_STANDARD_STREAMS_H_
