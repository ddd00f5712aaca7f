#pragma once
// Asio's name in this project. Values and decisions (see the README's map) never include this.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

namespace warmd {

namespace asio = boost::asio;
using boost::system::error_code;

} // namespace warmd
