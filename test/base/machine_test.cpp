// What the process may use of the machine, read from trees of files made for it.

#include "base/machine.hpp"

#include "support/scratch.hpp"

#include <boost/test/unit_test.hpp>

#include <sched.h>
#include <sys/resource.h>

using namespace warmd;

namespace {

struct tree {
    tree()
    {
        write("proc/meminfo", "MemTotal:        8388608 kB\nMemFree: 1 kB\n"); // 8 GiB
    }
    void write(const std::string& file, const std::string& text) const
    {
        const auto path = root.path / file;
        std::filesystem::create_directories(path.parent_path());
        test::write_file(path, text);
    }
    std::uint64_t memory() const { return memory_limit(root.path); }
    std::size_t cores() const { return usable_cores(root.path); }

    test::scratch_directory root;
};

constexpr std::uint64_t gib = 1 << 30;

std::size_t cores_of_this_process()
{
    cpu_set_t set;
    BOOST_REQUIRE(::sched_getaffinity(0, sizeof set, &set) == 0);
    return static_cast<std::size_t>(CPU_COUNT(&set));
}

} // namespace

BOOST_FIXTURE_TEST_CASE(without_control_groups_the_machine_is_the_limit, tree)
{
    BOOST_TEST(memory() == 8 * gib);
    BOOST_TEST(cores() == cores_of_this_process());
}

BOOST_FIXTURE_TEST_CASE(of_version_2_the_smallest_limit_up_the_tree_counts, tree)
{
    write("proc/self/cgroup", "0::/a/b\n");
    write("sys/fs/cgroup/a/b/memory.max", "max\n");
    write("sys/fs/cgroup/a/memory.max", "1073741824\n");
    BOOST_TEST(memory() == gib);
    write("sys/fs/cgroup/a/b/memory.high", "536870912\n"); // slowed down there, not killed
    BOOST_TEST(memory() == gib / 2);
    write("sys/fs/cgroup/a/b/memory.max", "268435456\n");
    BOOST_TEST(memory() == gib / 4);
}

BOOST_FIXTURE_TEST_CASE(of_version_1_the_groups_of_the_memory_controller_count, tree)
{
    write("proc/self/cgroup", "11:cpu,cpuacct:/x\n7:memory:/a/b\n1:name=systemd:/a\n0::/other\n");
    write("sys/fs/cgroup/memory/a/b/memory.limit_in_bytes", "9223372036854771712\n"); // none
    BOOST_TEST(memory() == 8 * gib);
    write("sys/fs/cgroup/memory/a/memory.limit_in_bytes", "2147483648\n");
    BOOST_TEST(memory() == 2 * gib);
    write("sys/fs/cgroup/memory/x/memory.limit_in_bytes", "1\n"); // another's
    BOOST_TEST(memory() == 2 * gib);
}

BOOST_FIXTURE_TEST_CASE(in_a_container_that_shows_only_its_own_group_as_the_root_that_one_counts,
                        tree)
{
    write("proc/self/cgroup", "0::/docker/0123\n"); // the host's name for it
    write("sys/fs/cgroup/memory.max", "629145600\n");
    BOOST_TEST(memory() == 600U << 20);
    write("proc/self/cgroup", "0::/../0123\n"); // seen from a name space beside it
    BOOST_TEST(memory() == 600U << 20);
}

BOOST_FIXTURE_TEST_CASE(files_that_say_nothing_limit_nothing, tree)
{
    write("proc/self/cgroup", "no line of a group\n\n::\n0::/a\n");
    write("sys/fs/cgroup/a/memory.max", "");
    write("sys/fs/cgroup/a/cpu.max", "max 100000\n");
    BOOST_TEST(memory() == 8 * gib);
    BOOST_TEST(cores() == cores_of_this_process());
}

BOOST_FIXTURE_TEST_CASE(without_meminfo_the_system_is_asked, tree)
{
    std::filesystem::remove(root.path / "proc/meminfo");
    BOOST_TEST(memory() > 0U);
}

BOOST_FIXTURE_TEST_CASE(time_granted_by_version_2_is_rounded_up_to_cores, tree)
{
    write("proc/self/cgroup", "0::/a/b\n");
    write("sys/fs/cgroup/a/b/cpu.max", "150000 100000\n");
    BOOST_TEST(cores() == std::min<std::size_t>(2, cores_of_this_process()));
    write("sys/fs/cgroup/a/cpu.max", "20000 100000\n"); // a fifth of one, for all below
    BOOST_TEST(cores() == 1U);
}

BOOST_FIXTURE_TEST_CASE(time_granted_by_version_1_counts, tree)
{
    write("proc/self/cgroup", "11:cpu,cpuacct:/x\n7:memory:/a/b\n");
    write("sys/fs/cgroup/cpu,cpuacct/x/cpu.cfs_period_us", "100000\n");
    write("sys/fs/cgroup/cpu,cpuacct/x/cpu.cfs_quota_us", "-1\n");
    BOOST_TEST(cores() == cores_of_this_process());
    write("sys/fs/cgroup/cpu,cpuacct/x/cpu.cfs_quota_us", "100000\n");
    BOOST_TEST(cores() == 1U);
}

BOOST_FIXTURE_TEST_CASE(processors_it_may_not_run_on_do_not_count, tree)
{
    cpu_set_t before, one;
    BOOST_REQUIRE(::sched_getaffinity(0, sizeof before, &before) == 0);
    CPU_ZERO(&one);
    for (int core = 0; core != CPU_SETSIZE && CPU_COUNT(&one) == 0; ++core)
        if (CPU_ISSET(core, &before))
            CPU_SET(core, &one);
    BOOST_REQUIRE(::sched_setaffinity(0, sizeof one, &one) == 0);
    BOOST_TEST(cores() == 1U);
    BOOST_REQUIRE(::sched_setaffinity(0, sizeof before, &before) == 0);
}

#ifdef WARMD_SANITIZED
constexpr bool address_space_is_ours = false; // the sanitizers' shadows take terabytes of it
#else
constexpr bool address_space_is_ours = true;
#endif

BOOST_FIXTURE_TEST_CASE(a_limit_of_address_space_counts, tree,
                        *boost::unit_test::enable_if<address_space_is_ours>())
{
    rlimit before{};
    BOOST_REQUIRE(::getrlimit(RLIMIT_AS, &before) == 0);
    rlimit less = before;
    less.rlim_cur = 4 * gib;
    BOOST_REQUIRE(::setrlimit(RLIMIT_AS, &less) == 0);
    const std::uint64_t found = memory();
    BOOST_REQUIRE(::setrlimit(RLIMIT_AS, &before) == 0);
    BOOST_TEST(found == 4 * gib);
}
