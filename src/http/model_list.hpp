#pragma once
// The method models, as OpenAI lists models.

#include "http/http_reply.hpp"

#include <string>
#include <string_view>

namespace warmd {

/// {"object":"list","data":[…]} of a result of `models`: what has a name, then what is resident and
/// has none, under the path of its adapter or base. `root` is the path of the base, `parent` of an
/// adapter the id of its base, `views` those that the model has, `max_model_len` what an input may
/// have, null where that is not known (what is not resident).
http_reply model_list(std::string models, std::string_view);
/// One of them, or a view of one (model/model_name.hpp); 404 if there is none of that name.
http_reply one_model(std::string models, std::string_view id);

} // namespace warmd
