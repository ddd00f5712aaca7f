#include "wire/outbox.hpp"

namespace warmd {

void outbox::end(framing kind)
{
    if (kind == framing::json_lines)
        text_.tail() += '\n';
    else
        text_.insert(frame_, content_length_header(text_.since(frame_)));
    begun_ = false;
}

} // namespace warmd
