#pragma once
// The daemon's socket, and whatever bytes one likes.

#include "base/asio.hpp"

#include <warmd/json.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>

#include <string>

namespace warmd::test {

/// A client that says what it likes.
class raw_client {
public:
    explicit raw_client(const std::string& socket) { socket_.connect(socket); }

    void send(const std::string& bytes)
    {
        error_code
            broken; // the daemon may have closed already: what it answered is still to be read
        asio::write(socket_, asio::buffer(bytes), broken);
    }
    std::string line()
    {
        error_code ec;
        const std::size_t n = asio::read_until(socket_, asio::dynamic_buffer(in_), '\n', ec);
        const std::string text = in_.substr(0, n);
        in_.erase(0, n);
        return text;
    }
    std::string kind()
    {
        return std::string(
            parse_json(line()).value().at("error").at("data").at("kind").as_string());
    }
    json::value id() { return parse_json(line()).value().at("id"); }
    bool at_end()
    {
        error_code ec;
        asio::read(socket_, asio::dynamic_buffer(in_), ec);
        return ec == asio::error::eof || ec == asio::error::connection_reset;
    }

private:
    asio::io_context io_;
    asio::local::stream_protocol::socket socket_{io_};
    std::string in_;
};

} // namespace warmd::test
