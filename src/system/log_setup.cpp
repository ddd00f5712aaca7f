#include "system/log_setup.hpp"

#include <warmd/json_writer.hpp>

#include <boost/core/null_deleter.hpp>
#include <boost/date_time/posix_time/conversion.hpp>
#include <boost/date_time/posix_time/posix_time_types.hpp>
#include <boost/log/attributes/clock.hpp>
#include <boost/log/attributes/value_extraction.hpp>
#include <boost/log/core.hpp>
#include <boost/log/sinks/async_frontend.hpp>
#include <boost/log/sinks/bounded_fifo_queue.hpp>
#include <boost/log/sinks/drop_on_overflow.hpp>
#include <boost/log/sinks/text_ostream_backend.hpp>
#include <boost/log/sources/record_ostream.hpp>
#include <boost/log/sources/severity_logger.hpp>
#include <boost/log/utility/exception_handler.hpp>
#include <boost/make_shared.hpp>

#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <iostream>

namespace warmd {

namespace {

namespace logging = boost::log;
namespace sinks = boost::log::sinks;
using sink_frontend =
    sinks::asynchronous_sink<sinks::text_ostream_backend,
                             sinks::bounded_fifo_queue<8192, sinks::drop_on_overflow>>;

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

/// `line` with control characters replaced: what a client sent may be quoted in it, and must not
/// forge lines or colours.
std::string one_line(std::string_view line)
{
    std::string text(line);
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

void format_record(look how, const logging::record_view& record, logging::formatting_ostream& out)
{
    const auto level = logging::extract<log_level>("Severity", record);
    const auto time = logging::extract<boost::posix_time::ptime>("TimeStamp", record);
    const auto message = logging::extract<std::string>("Message", record);
    if (!level || !time || !message)
        return;
    const level_style& style = styles[static_cast<std::size_t>(level.get())];
    switch (how) {
    case look::journal: out << style.journal << one_line(message.get()); break;
    case look::plain:
        out << written(time.get(), "%F %T") << ' ' << style.name << ": " << one_line(message.get());
        break;
    case look::coloured:
        out << written(time.get(), "%F %T") << ' ' << style.colour << style.name
            << "\x1b[0m: " << one_line(message.get());
        break;
    case look::json: {
        std::string text;
        json_writer(text)
            .begin_object()
            .member("time", written(time.get(), "%FT%T") + 'Z')
            .member("level", style.name)
            .member("message", message.get())
            .end_object();
        out << text;
    }
    }
}

} // namespace

class process_log::impl {
public:
    explicit impl(log_format format)
    {
        const auto to_stderr = boost::make_shared<sinks::text_ostream_backend>();
        to_stderr->add_stream(boost::shared_ptr<std::ostream>(&std::clog, boost::null_deleter()));
        to_stderr->auto_flush(true);
        sink_ = boost::make_shared<sink_frontend>(to_stderr);
        sink_->set_formatter([how = look_for(format)](const logging::record_view& record,
                                                      logging::formatting_ostream& out) {
            format_record(how, record, out);
        });
        // A stderr that cannot be written to is no reason to stop serving.
        sink_->set_exception_handler(logging::make_exception_suppressor());
        if (format == log_format::json)
            source_.add_attribute("TimeStamp", logging::attributes::utc_clock());
        else
            source_.add_attribute("TimeStamp", logging::attributes::local_clock());
        logging::core::get()->add_sink(sink_);
    }
    ~impl()
    {
        logging::core::get()->remove_sink(sink_);
        sink_->stop();
        sink_->flush();
    }

    void write(log_level level, std::string_view line) { BOOST_LOG_SEV(source_, level) << line; }
    void flush() { sink_->flush(); }

private:
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

void process_log::flush() { impl_->flush(); }

} // namespace warmd
