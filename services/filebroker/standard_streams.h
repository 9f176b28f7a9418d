#ifndef FDRPC_SERVICES_FILEBROKER_STANDARD_STREAMS_H_
#define FDRPC_SERVICES_FILEBROKER_STANDARD_STREAMS_H_

namespace fdrpc::filebroker {

// Occupies those of the descriptors 0, 1 and 2 that a program was started
// without, so that no socket of its own gets their numbers and is written to as
// standard output. Using them still fails. False if that cannot be done.
bool OccupyStandardStreams();

}  // namespace fdrpc::filebroker

#endif  // FDRPC_SERVICES_FILEBROKER_STANDARD_STREAMS_H_
