#include "dummy_options.hpp"

#include <warmd/json.hpp>

#include <boost/json.hpp>

namespace warmd {

namespace {

failure bad(std::string detail) { return failure{errc::invalid_params, std::move(detail)}; }

} // namespace

result<dummy_options> read_dummy_options(const std::string& text)
{
    dummy_options options;
    const auto parsed = parse_json(text);
    if (!parsed || !parsed->is_object())
        return bad("model.options must be an object");
    for (const auto& [name, value] : parsed->get_object()) {
        const std::string key = name;
        std::chrono::milliseconds* const time = key == "load_ms"    ? &options.load
                                                : key == "call_ms"  ? &options.call
                                                : key == "close_ms" ? &options.close
                                                                    : nullptr;
        std::uint64_t* const number = key == "bytes"              ? &options.bytes
                                      : key == "load_error_times" ? &options.load_error_times
                                                                  : nullptr;
        std::string* const message = key == "load_error"    ? &options.load_error
                                     : key == "call_error"  ? &options.call_error
                                     : key == "close_error" ? &options.close_error
                                                            : nullptr;
        if (!time && !number && !message)
            return bad("unknown member model.options." + shortened(key) +
                       "; the dummy kind has load_ms, call_ms, close_ms, bytes, load_error, "
                       "load_error_times, close_error, call_error");
        if (message) {
            if (!value.is_string())
                return bad("model.options." + key + " must be a string");
            *message = std::string(value.get_string());
            continue;
        }
        boost::system::error_code ec;
        const auto amount = value.to_number<std::int64_t>(ec);
        if (!value.is_number() || ec || amount < 0 || (time && amount > 86'400'000))
            return bad("model.options." + key + " must be a whole number, at least 0" +
                       (time ? " and at most 86400000" : ""));
        if (time)
            *time = std::chrono::milliseconds(amount);
        else
            *number = static_cast<std::uint64_t>(amount);
    }
    return options;
}

} // namespace warmd
