# cmake -DDEPFILE=<file> -DOUTPUT=<file> -P FdrpcDepfile.cmake
#
# Rewrites a dependency file of protoc so that OUTPUT is its only output. protoc
# names all outputs in its own order, but for Ninja a dependency file is stale if its
# first output is not the first of the rule; and protoc does not escape spaces.
file(READ ${DEPFILE} text)

# Its format: "output \", …, "last output: input\", " input\", …, " input".
string(REGEX REPLACE "\\\\?\n" ";" lines "${text}")
set(inputs "")
set(in_outputs TRUE)
foreach(line IN LISTS lines)
  if(in_outputs)
    if(NOT line MATCHES ": (.*)$")
      continue()
    endif()
    set(line "${CMAKE_MATCH_1}")
    set(in_outputs FALSE)
  endif()
  string(STRIP "${line}" line)
  string(REPLACE " " "\\ " line "${line}")
  string(APPEND inputs " \\\n  ${line}")
endforeach()
string(REPLACE " " "\\ " OUTPUT "${OUTPUT}")
file(WRITE ${DEPFILE} "${OUTPUT}:${inputs}\n")
