// Loads models into the built daemon and compares what it estimated, what it says it measured, and
// what the process really takes. Prints the figures; exits with 1 if one of them is beyond its
// bound.

#include "support/daemon.hpp"
#include "support/scratch.hpp"
#include "warmbench/generated_model.hpp"

#include <warmd/json.hpp>

#include <boost/json.hpp>
#include <boost/program_options.hpp>

#include <algorithm>
#include <cmath>
#include <iomanip>
#include <iostream>
#include <optional>

namespace po = boost::program_options;
namespace fs = std::filesystem;
using namespace warmd;
using namespace warmd::test;
using namespace warmbench;

namespace {

const fs::path data = fs::path(WARMD_PROJECT) / "test" / "data";
constexpr double most_difference = 0.1;
constexpr double most_left = 0.02;      // of what was charged, after unload
constexpr double most_left_bytes = 4e6; // of small models: threads and compiled kernels that stay

struct settings {
    std::uint64_t megabytes = 100;
    std::string storage = "bf16";
    int rounds = 3;
    bool assert_times = false;
    bool ignore_rss = false;
};

struct model_files {
    fs::path base;
    std::optional<fs::path> adapter = {};

    std::string json() const
    {
        return R"({"base":")" + base.native() +
               (adapter ? R"(","adapter":")" + adapter->native() : "") + R"("})";
    }
    std::string name() const
    {
        const auto from_data = [](const fs::path& path) {
            return fs::relative(path, data).native();
        };
        return from_data(base) + (adapter ? " + " + adapter->filename().native() : "");
    }
};

/// What `models` tells of one.
struct told {
    double estimated, measured, shared, load_seconds;
};

/// The daemon, asked in a few words; what it refuses is thrown.
class asking {
public:
    explicit asking(const words& options) : daemon_(here_.socket, options)
    {
        if (daemon_.line_with("ready").empty())
            throw std::runtime_error("warmd did not start");
        client_.emplace(daemon_.connect());
        process_ = "/proc/" + std::to_string(call("health", "{}").at("pid").to_number<int>()) + '/';
    }

    void load(const model_files& model) { call("load", R"({"model":)" + model.json() + '}'); }
    /// Through the base, the adapter, and those that have to be drawn and are kept.
    void answer(const model_files& model)
    {
        for (const char* const view :
             {R"("base")", R"("ft")", R"({"null":{"seed":1}})", R"({"null":{"seed":2}})",
              R"({"null":{"seed":3}})", R"({"null":{"seed":4}})"})
            call("next_token", R"({"prompts":["Once upon a time"],"top_k":1,"view":)" +
                                   std::string(view) + R"(,"model":)" + model.json() + '}');
    }
    void unload_all() { call("unload", R"({"all":true,"wait":true})"); }
    double charged_bytes() { return call("stats", "{}").at("charged_bytes").to_number<double>(); }
    std::size_t loaded_models()
    {
        return call("stats", "{}").at("loaded_models").to_number<std::size_t>();
    }
    told about(const model_files& model)
    {
        const json::value reply = call("models", "{}");
        for (const json::value& each : reply.at("models").as_array())
            if (is(each.at("model").at("base"), model.base) &&
                is(each.at("model").at("adapter"), model.adapter.value_or("")))
                return {.estimated = each.at("estimated_bytes").to_number<double>(),
                        .measured = each.at("bytes").to_number<double>(),
                        .shared = each.at("shared_bytes").to_number<double>(),
                        .load_seconds = each.at("load_seconds").to_number<double>()};
        throw std::runtime_error("not among models: " + model.name());
    }
    /// VmRSS or VmHWM of the daemon's process, in bytes.
    double memory(const std::string& figure) const
    {
        std::ifstream status(process_ + "status");
        for (std::string line; std::getline(status, line);)
            if (line.starts_with(figure + ':'))
                return std::stod(line.substr(figure.size() + 1)) * 1024;
        throw std::runtime_error("no " + figure + " in " + process_ + "status");
    }
    /// VmHWM begins anew.
    void forget_peak() const { write_file(process_ + "clear_refs", "5"); }

    ~asking() { daemon_.signal(SIGTERM), (void)daemon_.status(); }
    asking(const asking&) = delete;
    asking& operator=(const asking&) = delete;

private:
    static bool is(const json::value& found, const fs::path& wanted)
    {
        return found.is_null() ? wanted.empty()
                               : found.as_string() == fs::weakly_canonical(wanted).native();
    }
    json::value call(const char* method, const std::string& params)
    {
        auto reply = client_->call(method, params);
        if (!reply)
            throw std::runtime_error(std::string(method) + ' ' + params + ": " +
                                     reply.error().detail);
        return std::move(*reply);
    }

    place here_;
    running daemon_;
    std::optional<client> client_;
    std::string process_;
};

std::string in_megabytes(double bytes)
{
    std::ostringstream text;
    text << std::fixed << std::setprecision(2) << bytes / 1e6 << " MB";
    return text.str();
}

std::string in_percent(double share)
{
    std::ostringstream text;
    text << std::fixed << std::setprecision(2) << share * 100 << " %";
    return text.str();
}

/// Each claim with its figures, and whether all held.
class claims {
public:
    void check(bool holds, const std::string& claim)
    {
        std::cout << (holds ? "  holds    " : "  BROKEN   ") << claim << std::endl;
        broken_ += !holds;
    }
    /// Shown, and checked only if `asserted`.
    void check_if(bool asserted, bool holds, const std::string& claim)
    {
        if (asserted)
            check(holds, claim);
        else
            std::cout << (holds ? "  so it is " : "  it is not") << ' ' << claim
                      << " (not asserted here)" << std::endl;
    }
    int broken() const { return broken_; }

private:
    int broken_ = 0;
};

void check_estimate(const std::string& name, const told& model, claims& all)
{
    const double difference = (model.estimated - model.measured) / model.measured;
    all.check(std::abs(difference) <= most_difference,
              name + ": estimated " + in_megabytes(model.estimated) + ", measured " +
                  in_megabytes(model.measured) + ", " + in_percent(difference));
}

/// Models of the test data and their adapters, smallest first.
std::vector<model_files> loadable()
{
    std::vector<fs::path> bases{data / "fixtures/broken/ok-base"};
    for (const fs::directory_entry& family : fs::directory_iterator(data / "fixtures"))
        if (fs::exists(family.path() / "reference.json"))
            bases.push_back(family.path() / "model");
    std::sort(bases.begin() + 1, bases.end());
    bases.push_back(data / "demo/model");
    std::vector<model_files> all;
    for (const fs::path& base : bases) {
        all.push_back({base});
        const fs::path around =
            base.parent_path() / (fs::exists(base.parent_path() / "adapters") ? "adapters" : "");
        std::vector<fs::path> adapters;
        for (const fs::directory_entry& each : fs::directory_iterator(around))
            if (base.filename() == "model" ? fs::exists(each.path() / "adapter_config.json")
                                           : each.path().filename() == "ok-adapter")
                adapters.push_back(each.path());
        std::sort(adapters.begin(), adapters.end());
        for (fs::path& adapter : adapters)
            all.push_back({base, std::move(adapter)});
    }
    return all;
}

void check_fixtures(asking& daemon, claims& all)
{
    std::cout << "Every model of the test data: the estimate is within 10 % of what is measured\n";
    for (const model_files& model : loadable()) {
        daemon.load(model);
        check_estimate(model.name(), daemon.about(model), all);
        daemon.unload_all();
    }
}

/// A generated model and two adapters, in a place of their own.
struct generated_files {
    scratch_directory scratch;
    model_files first{scratch.path / "model", scratch.path / "first"},
        second{scratch.path / "model", scratch.path / "second"};
    double on_disk;

    explicit generated_files(const settings& given)
    {
        constexpr std::size_t rank = 8;
        const auto stored =
            given.storage == "fp32" ? random_tensors::storage::fp32 : random_tensors::storage::bf16;
        const model_shape model = shape_of_size(given.megabytes * 1'000'000 /
                                                (stored == random_tensors::storage::bf16 ? 2 : 4));
        write_base(first.base, model, stored);
        write_adapter(*first.adapter, model, rank, 2);
        write_adapter(*second.adapter, model, rank, 3);
        on_disk = static_cast<double>(fs::file_size(first.base / "model.safetensors"));
        std::cout << "A generated model: " << model.layers << " layers of width " << model.hidden
                  << ", " << in_megabytes(on_disk) << " of " << given.storage
                  << " weights; two LoRA adapters of rank " << rank << '\n';
    }
};

/// One round: both adapters loaded and asked, then all unloaded. `floor`: RSS with the libraries in
/// use and nothing loaded.
void check_round(asking& daemon, const generated_files& files, double floor, const settings& given,
                 claims& all)
{
    const bool rss = !given.ignore_rss;
    daemon.forget_peak();
    daemon.load(files.first);
    const double peak = daemon.memory("VmHWM") - floor;
    daemon.answer(files.first);
    const double one = daemon.memory("VmRSS") - floor;
    const told first = daemon.about(files.first);
    check_estimate("first adapter", first, all);
    all.check_if(rss, one <= first.measured * (1 + most_difference),
                 "RSS grows by at most measured + 10 %: by " + in_megabytes(one) + " for " +
                     in_megabytes(first.measured) + ", " + in_percent(one / first.measured) +
                     "; at its peak while loading by " + in_megabytes(peak));

    daemon.load(files.second);
    daemon.answer(files.second);
    const double both = daemon.memory("VmRSS") - floor;
    const told second = daemon.about(files.second);
    check_estimate("second adapter", second, all);
    const double charged = daemon.charged_bytes(),
                 expected = first.measured + second.measured - second.shared;
    all.check(daemon.loaded_models() == 2 && second.shared > 0 && first.shared == second.shared &&
                  charged == expected,
              "the base is charged once: " + in_megabytes(charged) + " charged for " +
                  in_megabytes(first.measured) + " and " + in_megabytes(second.measured) +
                  ", of which " + in_megabytes(second.shared) + " shared");
    all.check_if(rss, both <= charged * (1 + most_difference),
                 "with both, RSS grows by at most what is charged + 10 %: by " +
                     in_megabytes(both) + ", " + in_percent(both / charged));
    all.check_if(given.assert_times, second.load_seconds < 0.1 * first.load_seconds,
                 "the second adapter loads in less than a tenth of the time: " +
                     std::to_string(second.load_seconds) + " s after " +
                     std::to_string(first.load_seconds) + " s, " +
                     in_percent(second.load_seconds / first.load_seconds));

    daemon.unload_all();
    const double left = daemon.memory("VmRSS");
    all.check_if(rss, left - floor <= std::max(most_left * charged, most_left_bytes),
                 "after unload RSS is back: " + in_megabytes(left - floor) +
                     " above the base line, " + in_percent((left - floor) / charged) +
                     " of what was charged");
    all.check(daemon.charged_bytes() == 0, "after unload nothing is charged");
}

void check_generated(const settings& given, claims& all)
{
    const generated_files files(given);
    const model_files demo{data / "demo/model", data / "demo/adapter"};
    asking daemon({"--max-loaded-models", "2"});
    const double fresh = daemon.memory("VmRSS");
    daemon.load(demo);
    daemon.answer(demo);
    daemon.unload_all();
    const double floor = daemon.memory("VmRSS");
    std::cout << "  RSS of the daemon: " << in_megabytes(fresh) << " when it starts, "
              << in_megabytes(floor)
              << " once the demo model was loaded and unloaded, the base line: the first use of "
                 "the libraries costs "
              << in_megabytes(floor - fresh) << '\n';
    for (int round = 1; round <= given.rounds; ++round) {
        std::cout << "Round " << round << '\n';
        check_round(daemon, files, floor, given, all);
    }
}

std::optional<settings> read_options(int count, char** words)
{
    settings given;
    po::options_description known(
        "memory_check: estimated, measured and real memory of the built warmd");
    known.add_options()("help", "this")("megabytes",
                                        po::value(&given.megabytes)->default_value(given.megabytes),
                                        "least size of the generated model on disk")(
        "storage", po::value(&given.storage)->default_value(given.storage),
        "of the generated weights: bf16 or fp32")(
        "rounds", po::value(&given.rounds)->default_value(given.rounds),
        "how often the generated model is loaded and unloaded")(
        "assert-times", po::bool_switch(&given.assert_times),
        "load times are checked, too")("ignore-rss", po::bool_switch(&given.ignore_rss),
                                       "RSS is shown, not checked: sanitizers keep freed memory");
    po::variables_map options;
    po::store(po::parse_command_line(count, words, known), options);
    po::notify(options);
    if (given.storage != "bf16" && given.storage != "fp32")
        throw po::error("--storage is '" + given.storage + "'; it can be bf16 or fp32");
    if (!options.contains("help"))
        return given;
    std::cout << known;
    return {};
}

} // namespace

int main(int count, char** words)
try {
    const std::optional<settings> given = read_options(count, words);
    if (!given)
        return 0;
    claims all;
    {
        asking daemon({});
        check_fixtures(daemon, all);
    }
    check_generated(*given, all);
    std::cout << all.broken() << " claims broken" << std::endl;
    return all.broken() == 0 ? 0 : 1;
} catch (const std::exception& error) {
    std::cerr << "memory_check: " << error.what() << '\n';
    return 2;
}
