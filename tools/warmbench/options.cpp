#include "options.hpp"

#include <filesystem>
#include <iostream>
#include <sstream>

namespace warmbench {

namespace po = boost::program_options;

option_reader::option_reader(const std::string& subcommand) : known_("warmbench " + subcommand)
{
    known_.add_options()("help", "this text");
}

bool option_reader::read(int count, char** arguments) const
{
    po::variables_map given;
    po::store(po::parse_command_line(count, arguments, known_), given);
    po::notify(given);
    if (given.contains("help"))
        std::cout << known_;
    return !given.contains("help");
}

std::vector<std::string> split(const std::string& list)
{
    std::vector<std::string> parts;
    std::istringstream in(list);
    for (std::string part; std::getline(in, part, ',');)
        parts.push_back(part);
    return parts;
}

std::string warmd_beside()
{
    std::error_code ec;
    return (std::filesystem::read_symlink("/proc/self/exe", ec).parent_path() / "warmd").string();
}

} // namespace warmbench
