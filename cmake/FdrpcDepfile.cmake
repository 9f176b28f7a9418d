# cmake -DDEPFILE=<file> -DOUTPUT=<file> -P FdrpcDepfile.cmake
#
# Rewrites a dependency file that protoc has written so that it speaks of OUTPUT
# alone. protoc names all outputs in an order of its own, while Ninja takes a
# dependency file for stale whose first one is not the first of its rule; and
# protoc does not escape spaces.
file(READ ${DEPFILE} text)

# What it looks like: "output \", …, "last output: input\", " input\", …, " input".
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
