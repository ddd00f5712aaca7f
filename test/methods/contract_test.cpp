// The contract, and everything that is made from it.

#include "methods/daemon_of_test.hpp"
#include "methods/manual.hpp"
#include "methods/openrpc.hpp"
#include "methods/reader.hpp"
#include "methods/requests.hpp"

using namespace warmd;
using namespace warmd::test;

namespace {

/// The contract with something else in it than the daemon's.
schema::contract changed(const std::function<void(schema::contract&)>& change)
{
    schema::contract made = schema::daemon_contract();
    change(made);
    return made;
}

schema::method& method_of(schema::contract& in, std::string_view name)
{
    return const_cast<schema::method&>(*in.find_method(name));
}

schema::field& field_of(schema::method& in, std::string_view name)
{
    const auto found = std::find_if(in.params.begin(), in.params.end(),
                                    [&](const schema::field& each) { return each.name == name; });
    BOOST_REQUIRE(found != in.params.end());
    return *found;
}

/// Reads `given` as the parameters of `name`.
std::optional<failure> read(const schema::contract& by, std::string_view name,
                            const std::string& given, std::initializer_list<schema::target> into)
{
    json_document document;
    return schema::reader(by, *by.find_method(name)).read(*document.read(given).value(), {}, into);
}

/// What OpenRPC says of one parameter.
json::value described(const schema::contract& in, std::string_view method, std::string_view param)
{
    const json::value document = parsed(schema::openrpc(in, "1"));
    for (const json::value& each : document.at("methods").as_array())
        if (each.at("name") == json::string_view(method))
            for (const json::value& one : each.at("params").as_array())
                if (one.at("name") == json::string_view(param))
                    return one;
    return {};
}

const std::string page = "@METHODS@\n@TYPES@\n@NOTIFICATIONS@\n@ERRORS@\n";

} // namespace

BOOST_AUTO_TEST_CASE(a_default_that_is_changed_in_the_contract_is_changed_in_all_that_is_made_of_it)
{
    const schema::contract by = changed([](schema::contract& in) {
        field_of(method_of(in, "next_token"), "top_k").otherwise = "77";
    });
    operation_request asked{.what = next_token{}};
    const auto why = read(by, "next_token", with(R"("prompts":[])"),
                          {asked, std::get<next_token>(asked.what), asked.about});
    BOOST_REQUIRE_MESSAGE(!why, (why ? why->detail : ""));
    BOOST_TEST(std::get<next_token>(asked.what).top_k == 77U);
    BOOST_TEST(described(by, "next_token", "top_k").at("schema").at("default") == json::value(77));
    BOOST_TEST(schema::manual(by, page).find("to 2147483647; default 77)") != std::string::npos);
    BOOST_TEST(schema::manual(schema::daemon_contract(), page).find("default 77") ==
               std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_stop_text_by_itself_is_a_list_of_one)
{
    const schema::contract by = schema::daemon_contract();
    for (const char* stop : {R"("END")", R"(["END"])"}) {
        operation_request asked{.what = generate{}};
        generate& what = std::get<generate>(asked.what);
        BOOST_TEST(!read(by, "generate",
                         with(R"("prompt":"x","max_new_tokens":1,"stop":)" + std::string(stop)),
                         {asked, what, asked.about}));
        BOOST_TEST((what.stop == std::vector<std::string>{"END"}));
    }
}

BOOST_AUTO_TEST_CASE(bounds_that_are_changed_in_the_contract_are_kept_by_the_reader_and_told)
{
    const schema::contract by = changed([](schema::contract& in) {
        field_of(method_of(in, "generate"), "top_p").within = schema::numbers{.least = 0.5};
    });
    operation_request asked{.what = generate{}};
    const auto why = read(by, "generate", with(R"("prompt":"x","max_new_tokens":1,"top_p":0.25)"),
                          {asked, std::get<generate>(asked.what), asked.about});
    BOOST_REQUIRE(why.has_value());
    BOOST_TEST(why->detail == "top_p must be a finite number, at least 0.5, found 0.25");
    BOOST_TEST(described(by, "generate", "top_p").at("schema").at("minimum") == json::value(0.5));
    BOOST_TEST(schema::manual(by, page).find("(number at least 0.5; default 1)") !=
               std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_method_that_is_added_to_the_contract_is_read_and_told_like_any_other)
{
    struct search_request {
        std::uint64_t beams = 0;
        std::optional<std::string> unless;
    };
    const schema::contract by = changed([](schema::contract& in) {
        in.methods.push_back({.name = "search",
                              .summary = "Looks for it",
                              .params = {{.name = "beams",
                                          .type = "integer",
                                          .doc = "so many ways",
                                          .otherwise = "4",
                                          .within = schema::integers{1, 8},
                                          .into = schema::to<&search_request::beams>()},
                                         {.name = "unless",
                                          .type = "string",
                                          .doc = "it is this",
                                          .optional = true,
                                          .into = schema::to<&search_request::unless>()}}});
    });
    search_request asked;
    BOOST_TEST(!read(by, "search", "{}", {asked}));
    BOOST_TEST(asked.beams == 4U);
    BOOST_TEST(!asked.unless.has_value());
    BOOST_TEST(!read(by, "search", R"({"beams":8,"unless":"x"})", {asked}));
    BOOST_TEST(asked.beams == 8U);
    BOOST_TEST(asked.unless.value() == "x");
    BOOST_TEST(read(by, "search", R"({"beams":9})", {asked}).value().detail ==
               "beams must be an integer from 1 to 8, found 9");
    BOOST_TEST(read(by, "search", R"({"beam":1})", {asked}).value().detail ==
               "unknown parameter 'beam'; search takes beams, unless");
    BOOST_TEST(described(by, "search", "beams").at("description") == "so many ways");
    BOOST_TEST(schema::manual(by, page).find(".SS search\nLooks for it.\n") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(every_parameter_and_every_member_of_a_result_is_in_the_manual)
{
    const schema::contract by = schema::daemon_contract();
    const std::string text = schema::manual(by, page);
    const auto check = [&](std::string_view of, const std::vector<schema::field>& fields,
                           std::size_t from) {
        for (const schema::field& each : fields) {
            const std::size_t at = text.find(".B " + std::string(each.name) + '\n', from);
            BOOST_TEST(at != std::string::npos, of << " lacks " << each.name);
            BOOST_TEST(!each.doc.empty(), of << '.' << each.name);
        }
    };
    for (const schema::method& each : by.methods) {
        const std::size_t at = text.find(".SS " + std::string(each.name) + '\n');
        BOOST_REQUIRE_MESSAGE(at != std::string::npos, each.name);
        check(each.name, each.params, at);
        check(each.name, each.result, at);
    }
    for (const schema::type& each : by.types)
        BOOST_TEST(text.find(".SS " + std::string(each.name) + '\n') != std::string::npos,
                   each.name);
    for (const rpc::error_kind& each : rpc::error_kinds())
        BOOST_TEST(text.find(std::string(each.meaning.substr(0, 10))) != std::string::npos,
                   each.meaning);
    BOOST_TEST(text.find("@\n") == std::string::npos); // all that was to be filled in is
}

BOOST_AUTO_TEST_CASE(every_type_that_is_named_is_there)
{
    const schema::contract by = schema::daemon_contract();
    const std::set<std::string_view> plain{"boolean", "integer", "number", "seconds",
                                           "string",  "object",  "any"};
    const auto check = [&](std::string_view called) {
        const std::string_view element = schema::parse_type(called).element;
        BOOST_TEST((plain.contains(element) || by.find_type(element)), called);
    };
    const auto check_all = [&](const std::vector<schema::field>& fields) {
        for (const schema::field& each : fields)
            check(each.type);
    };
    for (const schema::method& each : by.methods) {
        check_all(each.params);
        check_all(each.result);
    }
    for (const schema::notification& each : by.notifications)
        check_all(each.params);
    for (const schema::type& each : by.types) {
        check_all(each.members);
        for (const std::string_view one : each.one_of)
            check(one);
        BOOST_TEST((each.words.size() + each.members.size() + each.one_of.size() +
                        each.values.size() + each.is.size() !=
                    0),
                   each.name);
    }
}

BOOST_AUTO_TEST_CASE(the_model_spec_of_the_contract_is_the_one_that_is_read)
{
    const schema::contract by = schema::daemon_contract();
    const schema::type& described_spec = *by.find_type("ModelSpec");
    const auto spec_of = [](const std::string& text) {
        json_document document;
        model_spec read;
        const auto why = parse_model_spec(*document.read(text).value(), read);
        BOOST_REQUIRE_MESSAGE(!why, text << ' ' << (why ? why->what : ""));
        return read;
    };
    const model_spec plain = spec_of(R"({"base":"/x"})");
    for (const schema::field& each : described_spec.members)
        if (!each.otherwise.empty())
            BOOST_TEST((spec_of("{\"base\":\"/x\",\"" + std::string(each.name) +
                                "\":" + std::string(each.otherwise) + '}') == plain),
                       each.name);
    json_document document;
    model_spec read;
    const std::string said =
        parse_model_spec(*document.read(R"({"base":"x","no":1})").value(), read).value().what;
    for (const schema::field& each : described_spec.members)
        BOOST_TEST(said.find(std::string(each.name)) != std::string::npos, said);
    BOOST_TEST(std::count(said.begin(), said.end(), ',') + 1U == described_spec.members.size());
    for (const char* choice : {"Dtype", "Device"})
        for (const std::string_view word : by.find_type(choice)->words)
            spec_of(std::string(R"({"base":"x",")") +
                    (*choice == 'D' && choice[1] == 't' ? "dtype" : "device") + "\":\"" +
                    std::string(word) + "\"}");
}

// -- rpc.discover ------------------------------------------------------------

/// What the document says of each method.
std::map<std::string, json::object> discovered(daemon_of_test& in)
{
    std::map<std::string, json::object> methods;
    const json::value document = in.result_of("rpc.discover");
    for (const json::value& each : document.at("methods").as_array())
        methods.emplace(each.at("name").as_string(), each.as_object());
    return methods;
}

BOOST_FIXTURE_TEST_CASE(discovery_has_every_method_and_every_parameter_it_takes, daemon_of_test)
{
    const auto described = discovered(*this);
    BOOST_TEST(described.size() == methods.counted()->requests.size());
    for (const auto& [name, counts] : methods.counted()->requests) {
        BOOST_REQUIRE_MESSAGE(described.contains(name), name);
        std::string listed; // in the method's own order
        for (const json::value& each : described.at(name).at("params").as_array())
            (listed += listed.empty() ? "" : ", ") += std::string_view(each.at("name").as_string());
        const std::string said = refusal_of(name, R"({"no such":1})").detail;
        const std::string takes = " takes " + (listed.empty() ? "none" : listed);
        BOOST_TEST(said.ends_with(takes), said << " but described:" << takes);
    }
}

BOOST_FIXTURE_TEST_CASE(discovery_has_every_member_of_every_result, daemon_of_test)
{
    const auto described = discovered(*this);
    const std::map<std::string, std::string> requests{
        {"health", "{}"},
        {"metrics", "{}"},
        {"models", "{}"},
        {"load", only(a)},
        {"pin", only(a)},
        {"unpin", only(a)},
        {"tokenize", with(R"("text":"x")")},
        {"detokenize", with(R"("ids":[1])")},
        {"next_token", with(R"("prompts":["x"])")},
        {"logprob", with(R"("items":[])")},
        {"rolling_logprob", with(R"("texts":[])")},
        {"generate", with(R"("prompt":"x","max_new_tokens":1)")},
        {"divergence", with(R"("prompts":["x"])")},
        {"subscribe", "{}"},
        {"hello", R"({"protocol":1})"},
        {"estimate", only(a)},
        {"ping", "{}"},
        {"shutdown", "{}"},
        {"rpc.discover", "{}"}};
    result_of("load", only(a)); // for what acts on a loaded one
    for (const auto& [name, params] : requests) {
        const json::value& schema = described.at(name).at("result").at("schema");
        BOOST_TEST((names_in(result_of(name, params)) == names_in(schema.at("properties"))), name);
    }
    BOOST_TEST((names_in(result_of("unload", only(a))) == names{"unloaded"}));
}

BOOST_FIXTURE_TEST_CASE(discovery_is_one_line_whose_references_lead_somewhere_and_names_every_error,
                        daemon_of_test)
{
    const std::string text = *ask("rpc.discover", "{}");
    BOOST_TEST(text.find('\n') == text.npos);
    const json::value document = parsed(text);
    BOOST_TEST(document.at("info").at("version") == "1.2.3");
    std::size_t references = 0;
    for (std::size_t at = text.find("\"#/"); at != text.npos;
         at = text.find("\"#/", at + 1), ++references) {
        const std::string pointer = text.substr(at + 2, text.find('"', at + 1) - at - 2);
        boost::system::error_code missing;
        BOOST_TEST(document.find_pointer(pointer, missing) != nullptr, pointer);
    }
    BOOST_TEST(references > 100U);
    for (const json::value& each : document.at("methods").as_array())
        for (const json::value& error : each.at("errors").as_array())
            BOOST_TEST(
                std::string_view(error.at("$ref").as_string()).starts_with("#/components/errors/"));
    const json::object& errors = document.at("components").at("errors").as_object();
    for (int i = 0; i != static_cast<int>(errc::disconnected); ++i) // which is never on the wire
        BOOST_TEST(errors.at(name(static_cast<errc>(i))).at("code").as_int64() ==
                   rpc::wire_code(static_cast<errc>(i)));
}
