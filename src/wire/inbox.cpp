#include "wire/inbox.hpp"

#include <utility>

namespace warmd {

void inbox::end(ending why) noexcept
{
    if (input_ == input::open)
        input_ = why == ending::by_client ? input::ended_by_client : input::ended_by_us;
    else if (input_ == input::refused)
        input_ = input::ended_after_refusal;
}

void inbox::refuse()
{
    input_ = input::refused;
    frames_.drop();
}

inbox::event inbox::next()
{
    if (reading_ == reading::frame)
        return go_on_reading();
    if (reading_ != reading::no_frame) {
        if (auto message = messages_.next()) {
            if (const auto* request = std::get_if<rpc::request>(&*message))
                return *request;
            return std::move(std::get<rpc::malformed>(*message));
        }
        if (!messages_.give_back_some())
            return busy();
        if (std::exchange(reading_, reading::no_frame) == reading::batch)
            return batch_ends();
    }
    return next_frame();
}

inbox::event inbox::next_frame()
{
    if (input_ == input::refused || input_ == input::ended_after_refusal)
        return ended();
    auto frame = input_ == input::ended_by_client ? frames_.last() : frames_.next();
    if (!frame) {
        refuse();
        return unreadable{frame.error()};
    }
    if (!*frame) {
        frames_.give_back();
        return input_ == input::open ? event(nothing()) : event(ended());
    }
    ++frames_read_;
    frame_bytes_ = (*frame)->size();
    if (frame_bytes_ > large_frame) {
        messages_.begin(**frame);
        reading_ = reading::frame;
        return busy();
    }
    messages_.read(**frame);
    return begin_messages();
}

inbox::event inbox::go_on_reading()
{
    return messages_.read_some(values_in_a_row) ? begin_messages() : event(busy());
}

inbox::event inbox::begin_messages()
{
    reading_ = messages_.batch() ? reading::batch : reading::message;
    return messages_.batch() ? event(batch_begins()) : next();
}

} // namespace warmd
