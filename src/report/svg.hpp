#pragma once
// Drawings and pages: text that is markup, and text that must not be.

#include <string>
#include <string_view>
#include <vector>

namespace warmd::reports {

/// As HTML's text or an attribute's value.
std::string html_escaped(std::string_view text);

/// A drawing in units of about a pixel, y downwards. What a class looks like is the page's style.
class drawing {
public:
    drawing(double width, double height) : width_(width), height_(height) {}

    void line(double x1, double y1, double x2, double y2, std::string_view css);
    void box(double x, double y, double width, double height, std::string_view css);
    void dot(double x, double y, double radius, std::string_view css);
    void diamond(double x, double y, double radius, std::string_view css);
    /// `points`: x, y, x, y, …
    void path(const std::vector<double>& points, std::string_view css);
    /// `anchor`: start, middle or end.
    void text(double x, double y, std::string_view words, std::string_view anchor = "start",
              std::string_view css = "t");

    /// The whole, told in words to who cannot see it.
    std::string svg(std::string_view title, std::string_view description) const;

private:
    double width_, height_;
    std::string inside_;
};

/// Rows of cells, the first of them heads; cells are text.
std::string html_table(const std::vector<std::vector<std::string>>& rows);

} // namespace warmd::reports
