// Writes a manual page: standard input with the methods' contract where it says so.

#include "methods/manual.hpp"

#include <iostream>
#include <iterator>

int main()
{
    const std::string page(std::istreambuf_iterator<char>(std::cin), {});
    std::cout << warmd::schema::manual(warmd::schema::daemon_contract(), page);
    return std::cout.flush() ? 0 : 1;
}
