#include "report/svg.hpp"

#include "report/words.hpp"

#include <cmath>
#include <cstdio>

namespace warmd::reports {

namespace {

/// To a tenth of a unit.
std::string at(double place)
{
    char text[32];
    std::snprintf(text, sizeof text, "%.1f", std::isfinite(place) ? place : 0);
    return text;
}

std::string attribute(std::string_view name, double value)
{
    return ' ' + std::string(name) + "=\"" + at(value) + '"';
}

std::string style(std::string_view css) { return " class=\"" + std::string(css) + '"'; }

} // namespace

std::string html_escaped(std::string_view text)
{
    std::string made;
    for (const char each : one_line(text))
        switch (each) {
        case '&': made += "&amp;"; break;
        case '<': made += "&lt;"; break;
        case '>': made += "&gt;"; break;
        case '"': made += "&quot;"; break;
        case '\'': made += "&#39;"; break;
        default: made += each;
        }
    return made;
}

void drawing::line(double x1, double y1, double x2, double y2, std::string_view css)
{
    inside_ += "<line" + attribute("x1", x1) + attribute("y1", y1) + attribute("x2", x2) +
               attribute("y2", y2) + style(css) + "/>";
}

void drawing::box(double x, double y, double width, double height, std::string_view css)
{
    inside_ += "<rect" + attribute("x", x) + attribute("y", y) + attribute("width", width) +
               attribute("height", height) + style(css) + "/>";
}

void drawing::dot(double x, double y, double radius, std::string_view css)
{
    inside_ += "<circle" + attribute("cx", x) + attribute("cy", y) + attribute("r", radius) +
               style(css) + "/>";
}

void drawing::diamond(double x, double y, double radius, std::string_view css)
{
    inside_ += "<path d=\"M" + at(x) + ' ' + at(y - radius) + " L" + at(x + radius) + ' ' + at(y) +
               " L" + at(x) + ' ' + at(y + radius) + " L" + at(x - radius) + ' ' + at(y) + " Z\"" +
               style(css) + "/>";
}

void drawing::path(const std::vector<double>& points, std::string_view css)
{
    std::string way;
    for (std::size_t i = 0; i + 1 < points.size(); i += 2)
        way += (i ? " L" : "M") + at(points[i]) + ' ' + at(points[i + 1]);
    inside_ += "<path d=\"" + way + '"' + style(css) + "/>";
}

void drawing::text(double x, double y, std::string_view words, std::string_view anchor,
                   std::string_view css)
{
    inside_ += "<text" + attribute("x", x) + attribute("y", y) + " text-anchor=\"" +
               std::string(anchor) + '"' + style(css) + '>' + html_escaped(words) + "</text>";
}

std::string drawing::svg(std::string_view title, std::string_view description) const
{
    return "<svg role=\"img\" viewBox=\"0 0 " + at(width_) + ' ' + at(height_) + "\"><title>" +
           html_escaped(title) + "</title><desc>" + html_escaped(description) + "</desc>" +
           inside_ + "</svg>\n";
}

std::string html_table(const std::vector<std::vector<std::string>>& rows)
{
    std::string made = "<table>\n";
    for (std::size_t r = 0; r != rows.size(); ++r) {
        made += "<tr>";
        for (const std::string& cell : rows[r])
            made += (r == 0 ? "<th scope=\"col\">" : "<td>") + html_escaped(cell) +
                    (r == 0 ? "</th>" : "</td>");
        made += "</tr>\n";
    }
    return made + "</table>\n";
}

} // namespace warmd::reports
