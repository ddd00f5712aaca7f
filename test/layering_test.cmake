# What linking the rooms cannot see. Run as: cmake -DSOURCE_DIR=… -P layering_test.cmake
#
# 1 No include climbs out of its room by a relative path: rooms see each other through what they are
#   linked to only.
# 2 Values, decisions and the hf library reach no Asio; of the workers only the shells do.

cmake_minimum_required(VERSION 3.25)

set(problems)
file(GLOB_RECURSE files RELATIVE ${SOURCE_DIR} ${SOURCE_DIR}/*.hpp ${SOURCE_DIR}/*.cpp)
foreach(file IN LISTS files)
    file(STRINGS ${SOURCE_DIR}/${file} climbing REGEX "^#include \"\\.")
    if(climbing)
        list(APPEND problems "${file}: ${climbing}")
    endif()
    if(file MATCHES "^(json|model|backends/(dummy|hf))/"
            OR file MATCHES "^cache/cache_(core|event)|^wire/(frame|rpc)\\."
            OR (file MATCHES "^backends/worker/"
                AND NOT file MATCHES "worker/(session|worker_thread)"))
        file(STRINGS ${SOURCE_DIR}/${file} asio REGEX "^#include .*asio")
        if(asio)
            list(APPEND problems "${file} reaches Asio: ${asio}")
        endif()
    endif()
endforeach()

list(LENGTH files count)
if(problems OR count EQUAL 0)
    list(JOIN problems "\n  " text)
    message(FATAL_ERROR "${count} files looked at\n  ${text}")
endif()
message(STATUS "${count} files in order")
