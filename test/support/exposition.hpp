#pragma once
// Reads the text format of Prometheus, version 0.0.4, as strictly as `promtool check metrics` does.

#include <charconv>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace warmd::test {

/// What is wrong with an exposition, and its samples.
class exposition_reader {
public:
    explicit exposition_reader(const std::string& text)
    {
        if (!text.ends_with('\n'))
            wrong("the last line does not end");
        std::istringstream lines(text);
        for (std::string line; std::getline(lines, line);)
            line.starts_with('#') ? read_comment(line) : read_sample(line);
        end_family();
    }

    const std::vector<std::string>& faults() const { return faults_; }
    /// By name and labels as they stand in the text.
    const std::map<std::string, double>& samples() const { return samples_; }

private:
    void wrong(const std::string& what) { faults_.push_back(what); }

    void read_comment(const std::string& line)
    {
        static const std::regex form("# (HELP|TYPE) ([a-z_][a-z0-9_]*) (.+)");
        std::smatch found;
        if (!std::regex_match(line, found, form))
            return wrong("no HELP or TYPE: " + line);
        if (found[1] == "HELP") {
            end_family();
            name_ = found[2];
            if (!families_.insert(name_).second)
                wrong("a family stands twice: " + name_);
            return;
        }
        type_ = found[3];
        if (found[2] != name_)
            wrong("TYPE without HELP: " + line);
        if (type_ != "counter" && type_ != "gauge" && type_ != "histogram")
            wrong("unknown type: " + line);
        if ((type_ == "counter") != name_.ends_with("_total"))
            wrong("counters, and nothing else, end in _total: " + line);
        for (const char* suffix : {"_count", "_sum", "_bucket"})
            if (name_.ends_with(suffix))
                wrong("a suffix of histograms: " + line);
    }

    void read_sample(const std::string& line)
    {
        static const std::regex form(
            R"re(([a-z_][a-z0-9_]*)(\{[a-z_]+="[^"\\]*"(,[a-z_]+="[^"\\]*")*\})? (\S+))re");
        std::smatch found;
        if (!std::regex_match(line, found, form))
            return wrong("no sample: " + line);
        const std::string value = found[4];
        double number = 0;
        const auto read = std::from_chars(value.data(), value.data() + value.size(), number);
        if (read.ec != std::errc() || read.ptr != value.data() + value.size())
            wrong("no number: " + line);
        if (!samples_.emplace(found[1].str() + found[2].str(), number).second)
            wrong("a sample stands twice: " + line);
        const std::string of = found[1];
        const bool fits = type_ == "histogram" ? of == name_ + "_bucket" || of == name_ + "_sum" ||
                                                     of == name_ + "_count"
                                               : of == name_;
        if (!fits)
            wrong("not of its family: " + line);
        if (type_ == "counter" && number < 0)
            wrong("a counter below 0: " + line);
        if (of == name_ + "_bucket") {
            buckets_.push_back(number);
            last_bound_ = found[2];
            if (buckets_.size() > 1 && buckets_[buckets_.size() - 2] > number)
                wrong("buckets are not cumulative: " + line);
        }
        if (of == name_ + "_count")
            count_ = number;
    }

    void end_family()
    {
        if (type_ == "histogram" && (last_bound_ != "{le=\"+Inf\"}" || buckets_.back() != count_))
            wrong("the last bucket of " + name_ + " is not the count");
        type_.clear();
        buckets_.clear();
        last_bound_.clear();
    }

    std::vector<std::string> faults_;
    std::map<std::string, double> samples_;
    std::set<std::string> families_;
    std::string name_, type_, last_bound_;
    std::vector<double> buckets_;
    double count_ = 0;
};

} // namespace warmd::test
