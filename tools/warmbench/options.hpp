#pragma once
// How every subcommand reads its options.

#include <boost/program_options.hpp>

#include <string>
#include <vector>

namespace warmbench {

/// Options by name. A value's default is what it is before.
class option_reader {
public:
    explicit option_reader(const std::string& subcommand);

    template <class T>
    option_reader& add(const char* name, T& value, const char* what)
    {
        known_.add_options()(name, boost::program_options::value(&value)->default_value(value),
                             what);
        return *this;
    }
    /// One without a value: false unless it is given.
    option_reader& flag(const char* name, bool& value, const char* what)
    {
        known_.add_options()(name, boost::program_options::bool_switch(&value), what);
        return *this;
    }
    /// False: --help was asked for and given. Throws what is wrong with them.
    bool read(int count, char** arguments) const;

private:
    boost::program_options::options_description known_;
};

/// "a,b" -> a and b.
std::vector<std::string> split(const std::string& list);

/// The daemon to measure, unless told otherwise: the one next to warmbench.
std::string warmd_beside();

} // namespace warmbench
