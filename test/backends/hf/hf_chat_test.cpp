// Conversations in place of texts, through a loaded model.

#include "support/demo_model.hpp"
#include "support/scratch.hpp"

#include <boost/test/unit_test.hpp>

using namespace warmd;
using namespace warmd::hf;
using warmd::test::scratch_directory;
using warmd::test::write_file;

namespace {

constexpr std::string_view source =
    "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}"
    "{% if add_generation_prompt %}assistant:{% endif %}";

/// A model that puts a BOS before texts, and its chat template.
struct talking_model {
    scratch_directory where;

    talking_model()
    {
        for (const auto& file :
             std::filesystem::directory_iterator(test_data / "fixtures" / "llama2-mini" / "model"))
            create_symlink(file.path(), where.path / file.path().filename());
        write_file(where.path / "chat_template.jinja", source);
    }
    std::unique_ptr<backend> loaded() const { return load_model(where.path); }
};

std::shared_ptr<const chat_prompt> talk(
    const std::string& messages = R"([{"role":"user","content":"The king"}])")
{
    return std::make_shared<const chat_prompt>(chat_prompt{.messages = messages});
}

const std::string text = "user: The king\nassistant:";

} // namespace

BOOST_FIXTURE_TEST_CASE(a_conversation_is_its_text_without_special_tokens_added, talking_model)
{
    const auto model = loaded();
    const auto plain = ask<tokens>(*model, tokenize{text, false}).ids;
    BOOST_TEST((plain != ask<tokens>(*model, tokenize{text, true}).ids));
    const auto made = ask<rendered_text>(*model, render{talk()});
    BOOST_TEST(made.text == text);
    BOOST_TEST(made.ids == plain, boost::test_tools::per_element());
    BOOST_TEST(made.template_name == "default");
    BOOST_TEST(ask<tokens>(*model, tokenize{talk(), true}).ids == plain,
               boost::test_tools::per_element());
    const auto slices = ask<distributions>(*model, next_token{{}, {talk(), plain}, 8}).slices;
    BOOST_TEST((slices.at(0)->logprobs == slices.at(1)->logprobs));
    const auto scored = ask<scored_texts>(*model, rolling_logprob{{}, {talk(), plain}}).results;
    BOOST_TEST((scored.at(0)->logprobs == scored.at(1)->logprobs));
    BOOST_TEST(
        ask<generation_result>(*model, generate{.prompt = talk(), .max_new_tokens = 4}).ids ==
            ask<generation_result>(*model, generate{.prompt = plain, .max_new_tokens = 4}).ids,
        boost::test_tools::per_element());
}

BOOST_FIXTURE_TEST_CASE(a_completion_goes_on_where_the_conversations_text_ends, talking_model)
{
    const auto model = loaded();
    const auto whole = ask<tokens>(*model, tokenize{text + " database", false}).ids;
    const auto scored =
        ask<scored_texts>(*model, logprob{{}, {{talk(), " database"}}}).results.at(0).value();
    BOOST_TEST_REQUIRE(!scored.ids.empty());
    BOOST_TEST(std::vector<token_id>(whole.end() - static_cast<std::ptrdiff_t>(scored.ids.size()),
                                     whole.end()) == scored.ids,
               boost::test_tools::per_element());
}

BOOST_FIXTURE_TEST_CASE(a_conversation_that_cannot_be_rendered_fails_in_its_place, talking_model)
{
    write_file(where.path / "chat_template.jinja",
               "{{ raise_exception('no system') if messages[0].role == 'system' }}x");
    const auto model = loaded();
    const auto system = talk(R"([{"role":"system","content":"a"}])");
    const failure why = refusal(*model, next_token{{}, {talk(), system}, 4});
    BOOST_TEST(why.detail == "prompts[1]: no system");
    BOOST_TEST(why.cause == "raised");
    const auto some =
        ask<distributions>(*model, next_token{{}, {system, talk()}, 4, false, failure_scope::item})
            .slices;
    BOOST_TEST(some.at(0).has_error());
    BOOST_TEST(some.at(1).has_value());
    BOOST_TEST(refusal(*model, render{system}).detail == "no system");
    const failure prompt = refusal(*model, generate{.prompt = system, .max_new_tokens = 1});
    BOOST_TEST(prompt.detail == "prompt: no system");
    BOOST_TEST((prompt.in_template == template_place{"default", 1}));
}

BOOST_FIXTURE_TEST_CASE(a_tokenizer_tells_its_special_tokens_and_the_template_as_it_stands,
                        talking_model)
{
    write_file(where.path / "chat_template.jinja", "{% if %}");
    write_file(where.path / "tokenizer_config.json",
               R"({"eos_token":"</s>","pad_token":{"content":"<pad>"},"bos_token":null,)"
               R"("unk_token":"<unk>"})");
    const auto told = ask<tokenizer_description>(*loaded(), describe_tokenizer{});
    BOOST_TEST((told.eos == "</s>"));
    BOOST_TEST((told.pad == "<pad>"));
    BOOST_TEST((told.unk == "<unk>"));
    BOOST_TEST(!told.bos.has_value());
    BOOST_TEST((told.chat_template == "{% if %}"));
}

BOOST_FIXTURE_TEST_CASE(a_model_loads_without_a_good_template_and_another_is_another_model,
                        talking_model)
{
    const loader by = hf_loader();
    const auto files = [&] { return by.resolve(spec_of(where.path), {}).value().files; };
    const auto before = files();
    write_file(where.path / "chat_template.jinja", "{% if %}");
    const auto after = files();
    BOOST_TEST((before != after));
    const auto model = loaded();
    BOOST_TEST(ask<tokens>(*model, tokenize{"a"}).ids.size() >= 1u);
    BOOST_TEST(refusal(*model, render{talk()}).cause == "syntax");
    create_directories(where.path / "additional_chat_templates");
    write_file(where.path / "additional_chat_templates" / "rag.jinja", "rag");
    BOOST_TEST((files() != after));
    BOOST_TEST(ask<chat_template_description>(*loaded(), describe_chat_template{"rag"}).names ==
                   (std::vector<std::string>{"default", "rag"}),
               boost::test_tools::per_element());
}
