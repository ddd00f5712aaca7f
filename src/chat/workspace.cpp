#include "chat/workspace.hpp"

#include <stdexcept>

namespace warmd::chat {

std::string_view name(template_fault cause) noexcept
{
    switch (cause) {
    case template_fault::syntax: return "syntax";
    case template_fault::undefined: return "undefined";
    case template_fault::type: return "type";
    case template_fault::raised: return "raised";
    case template_fault::security: return "security";
    case template_fault::bound: return "bound";
    case template_fault::size: return "bound";
    case template_fault::cancelled: return "cancelled";
    }
    return {};
}

void throw_exception_from_error(const template_failure& why, const boost::source_location&)
{
    throw std::runtime_error(std::string(name(why.cause)) + " in line " + std::to_string(why.line) +
                             ": " + why.detail);
}

workspace::~workspace()
{
    for (object* each = living_; each != nullptr; each = each->after_)
        each->retain(); // nothing ends while the list is gone through
    for (object* each = living_; each != nullptr; each = each->after_)
        each->clear();
    while (living_ != nullptr) {
        object* next = living_->after_;
        destroy(living_);
        living_ = next;
    }
}

void workspace::charge_slowly(std::uint64_t steps)
{
    if (steps > steps_left_)
        fail(template_fault::bound,
             "the template takes more than " + std::to_string(bounds_.steps) + " steps");
    if (cancelled_.stop_requested())
        fail(template_fault::cancelled, "the request was taken back");
}

void workspace::check_text(std::size_t bytes)
{
    if (bytes > bounds_.text)
        fail(template_fault::size, "a text of " + std::to_string(bytes) + " bytes; at most " +
                                       std::to_string(bounds_.text));
    charge_bytes(bytes);
}

void workspace::check_text(std::size_t count, std::size_t bytes)
{
    if (bytes != 0 && count > bounds_.text / bytes)
        fail(template_fault::size, std::to_string(count) + " times " + std::to_string(bytes) +
                                       " bytes of text; at most " + std::to_string(bounds_.text));
    charge_bytes(count * bytes);
}

void workspace::check_depth(std::size_t depth) const
{
    if (depth > bounds_.depth)
        fail(template_fault::bound,
             "values nested more than " + std::to_string(bounds_.depth) + " deep");
}

void workspace::too_deep()
{
    --evaluations_; // the level that asked does not begin
    fail(template_fault::bound,
         "evaluations nested more than " + std::to_string(bounds_.evaluations) + " deep");
}

void* workspace::counted_memory::do_allocate(std::size_t bytes, std::size_t alignment)
{
    if (bytes > most_ - used_)
        fail(template_fault::size,
             "values of more than " + std::to_string(most_) + " bytes of memory");
    void* place = std::pmr::new_delete_resource()->allocate(bytes, alignment);
    used_ += bytes;
    return place;
}

void workspace::counted_memory::do_deallocate(void* place, std::size_t bytes, std::size_t alignment)
{
    std::pmr::new_delete_resource()->deallocate(place, bytes, alignment);
    used_ -= bytes;
}

void workspace::adopt(object* made, std::size_t size)
{
    made->home_ = this;
    made->refs_ = 1;
    made->size_ = static_cast<std::uint32_t>(size);
    made->after_ = living_;
    if (living_ != nullptr)
        living_->before_ = made;
    living_ = made;
}

// What an object held may end with it, and so on: in turn, not one inside the other.
void workspace::bury(object* dead)
{
    if (dead->before_ != nullptr)
        dead->before_->after_ = dead->after_;
    else
        living_ = dead->after_;
    if (dead->after_ != nullptr)
        dead->after_->before_ = dead->before_;
    dead->after_ = dead_;
    dead_ = dead;
    if (burying_)
        return;
    burying_ = true;
    while (dead_ != nullptr) {
        object* next = dead_;
        dead_ = next->after_;
        destroy(next);
    }
    burying_ = false;
}

void workspace::destroy(object* dead)
{
    const std::size_t size = dead->size_;
    void* place = dynamic_cast<void*>(dead);
    dead->~object();
    memory_.deallocate(place, size, alignof(std::max_align_t));
}

} // namespace warmd::chat
