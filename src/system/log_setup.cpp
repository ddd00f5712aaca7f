#include "system/log_setup.hpp"

#include "system/line_writer.hpp"

#include "json/utf8_text.hpp"

#include <warmd/json_writer.hpp>

#include <boost/date_time/posix_time/conversion.hpp>
#include <boost/date_time/posix_time/posix_time_types.hpp>
#include <boost/log/attributes/clock.hpp>
#include <boost/log/attributes/value_extraction.hpp>
#include <boost/log/core.hpp>
#include <boost/log/sinks/basic_sink_backend.hpp>
#include <boost/log/sinks/unlocked_frontend.hpp>
#include <boost/log/sources/record_ostream.hpp>
#include <boost/log/sources/severity_logger.hpp>
#include <boost/log/utility/exception_handler.hpp>
#include <boost/make_shared.hpp>

#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>

namespace warmd {

namespace {

namespace logging = boost::log;
namespace sinks = boost::log::sinks;

/// What the end of the process may wait for a standard error that is slow to take its lines.
constexpr auto patience = std::chrono::seconds(1);

struct level_style {
    std::string_view name, colour, journal; // ECMA-48 §8.3.117; sd-daemon(3)
};
constexpr std::array<level_style, 4> styles{{
    {"debug", "\x1b[2m", "<7>"},
    {"info", "\x1b[32m", "<6>"},
    {"warning", "\x1b[33m", "<4>"},
    {"error", "\x1b[31m", "<3>"},
}};

/// True if stderr is the journal's own stream (systemd.exec(5), JOURNAL_STREAM).
bool stderr_is_journal()
{
    const char* stream = std::getenv("JOURNAL_STREAM");
    struct stat s {};
    return stream && ::fstat(STDERR_FILENO, &s) == 0 &&
           std::to_string(s.st_dev) + ':' + std::to_string(s.st_ino) == stream;
}

/// `line` as UTF-8 with control characters replaced: what a client sent may be quoted in it, and
/// must not forge lines or colours.
std::string one_line(std::string_view line)
{
    std::string text = as_utf8(line);
    for (char& c : text)
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
            c = '?';
    return text;
}

std::string written(const boost::posix_time::ptime& time, const char* form)
{
    char date_and_time[32], all[48];
    const std::tm parts = boost::posix_time::to_tm(time);
    std::strftime(date_and_time, sizeof date_and_time, form, &parts);
    const auto milliseconds = static_cast<unsigned>(time.time_of_day().total_milliseconds() % 1000);
    std::snprintf(all, sizeof all, "%s.%03u", date_and_time, milliseconds);
    return all;
}

enum class look { plain, coloured, journal, json };

look look_for(log_format format)
{
    if (format == log_format::json)
        return look::json;
    if (stderr_is_journal())
        return look::journal;
    return ::isatty(STDERR_FILENO) && !std::getenv("NO_COLOR") ? look::coloured : look::plain;
}

std::string line_of(look how, log_level level, const boost::posix_time::ptime& time,
                    std::string_view message)
{
    const level_style& style = styles[static_cast<std::size_t>(level)];
    std::string line;
    switch (how) {
    case look::journal: line.append(style.journal) += one_line(message); break;
    case look::plain:
        line = written(time, "%F %T") + ' ';
        line.append(style.name).append(": ") += one_line(message);
        break;
    case look::coloured:
        line = written(time, "%F %T") + ' ';
        line.append(style.colour).append(style.name).append("\x1b[0m: ") += one_line(message);
        break;
    case look::json:
        json_writer(line)
            .begin_object()
            .member("time", written(time, "%FT%T") + 'Z')
            .member("level", style.name)
            .member("message", message)
            .end_object();
    }
    return line += '\n';
}

boost::posix_time::ptime now(look how)
{
    using clock = boost::posix_time::microsec_clock;
    return how == look::json ? clock::universal_time() : clock::local_time();
}

/// Makes lines of records and hands them on.
class to_lines : public sinks::basic_sink_backend<sinks::concurrent_feeding> {
public:
    to_lines(look how, line_writer& to) : how_(how), to_(to) {}

    void consume(const logging::record_view& record)
    {
        const auto level = logging::extract<log_level>("Severity", record);
        const auto time = logging::extract<boost::posix_time::ptime>("TimeStamp", record);
        const auto message = logging::extract<std::string>("Message", record);
        if (level && time && message)
            to_.push(line_of(how_, level.get(), time.get(), message.get()));
    }

private:
    const look how_;
    line_writer& to_;
};
using sink_frontend = sinks::unlocked_sink<to_lines>;

} // namespace

class process_log::impl {
public:
    explicit impl(log_format format)
        : how_(look_for(format)), writer_(STDERR_FILENO, [how = how_](std::size_t lines) {
              return line_of(how, log_level::warning, now(how),
                             std::to_string(lines) +
                                 " lines of this log were dropped: nobody took them in time");
          })
    {
        sink_ = boost::make_shared<sink_frontend>(boost::make_shared<to_lines>(how_, writer_));
        // A line that cannot be made (no memory) is no reason to stop serving.
        sink_->set_exception_handler(logging::make_exception_suppressor());
        if (how_ == look::json)
            source_.add_attribute("TimeStamp", logging::attributes::utc_clock());
        else
            source_.add_attribute("TimeStamp", logging::attributes::local_clock());
        logging::core::get()->add_sink(sink_);
    }
    ~impl()
    {
        logging::core::get()->remove_sink(sink_);
        writer_.end(patience);
    }

    void write(log_level level, std::string_view line) { BOOST_LOG_SEV(source_, level) << line; }
    void end() { writer_.end(patience); }
    std::size_t dropped() const { return writer_.dropped(); }

private:
    const look how_;
    line_writer writer_;
    logging::sources::severity_logger_mt<log_level> source_;
    boost::shared_ptr<sink_frontend> sink_;
};

process_log::process_log(log_level threshold, log_format format)
    : threshold_(threshold), impl_(std::make_unique<impl>(format))
{
}
process_log::~process_log() = default;

logger process_log::make_logger() const
{
    return logger(threshold_, [to = impl_.get()](log_level level, std::string_view line) {
        to->write(level, line);
    });
}

void process_log::end() { impl_->end(); }
std::size_t process_log::dropped() const { return impl_->dropped(); }

} // namespace warmd
