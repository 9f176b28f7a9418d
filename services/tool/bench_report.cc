#include "services/tool/bench_report.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "services/tool/reply_text.h"

namespace fdrpc::tool {
namespace {

struct Quantile {
  const char* name;
  double share;
};
constexpr Quantile kQuantiles[] = {
    {"p50", 0.5},  {"p75", 0.75},    {"p90", 0.9},      {"p95", 0.95},
    {"p99", 0.99}, {"p99.9", 0.999}, {"p99.99", 0.9999}};

std::string Time(double nanoseconds) {
  if (nanoseconds < 1e3) return absl::StrFormat("%.0f ns", nanoseconds);
  if (nanoseconds < 1e6) return absl::StrFormat("%.1f us", nanoseconds / 1e3);
  if (nanoseconds < 1e9) return absl::StrFormat("%.2f ms", nanoseconds / 1e6);
  return absl::StrFormat("%.2f s", nanoseconds / 1e9);
}
std::string Time(uint64_t nanoseconds) {
  return Time(static_cast<double>(nanoseconds));
}

std::string Html(const std::string& text) {
  return absl::StrReplaceAll(
      text, {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}, {"\"", "&quot;"}});
}

uint64_t Highest(const std::vector<LatencyHistogram::Bucket>& buckets) {
  uint64_t highest = 1;
  for (const auto& bucket : buckets) highest = std::max(highest, bucket.count);
  return highest;
}

// The rows of a table: a name, and a value.
std::vector<std::pair<std::string, std::string>> Rows(
    const BenchTitle& title, const LoadResult& result) {
  std::vector<std::pair<std::string, std::string>> rows = {
      {"method", title.method},
      {"address", title.address},
      {"calls at once", absl::StrCat(title.concurrency)},
      {"connections", absl::StrCat(title.connections)},
      {"time", Time(static_cast<uint64_t>(result.elapsed.count()))},
      {"calls", absl::StrCat(result.latencies.count())},
      {"failed", absl::StrCat(result.failed())},
      {"rate", absl::StrFormat("%.1f calls/s", result.rate())},
  };
  if (title.rate > 0) {
    rows.emplace_back("rate asked for",
                      absl::StrFormat("%.1f calls/s", title.rate));
  }
  rows.emplace_back("least", Time(result.latencies.min()));
  rows.emplace_back("mean", Time(result.latencies.mean()));
  for (const Quantile& quantile : kQuantiles) {
    rows.emplace_back(quantile.name,
                      Time(result.latencies.Percentile(quantile.share)));
  }
  rows.emplace_back("most", Time(result.latencies.max()));
  for (const auto& [code, count] : result.errors) {
    rows.emplace_back(absl::StatusCodeToString(code), absl::StrCat(count));
  }
  return rows;
}

// How many calls took how long.
std::string HistogramPlot(const LatencyHistogram& latencies) {
  const auto buckets = latencies.Buckets();
  if (buckets.empty()) return "";
  constexpr double kWidth = 900;
  constexpr double kHeight = 240;
  const double step = kWidth / static_cast<double>(buckets.size());
  const auto highest = static_cast<double>(Highest(buckets));
  std::string svg = absl::StrFormat(
      "<svg viewBox=\"0 0 %.0f %.0f\" role=\"img\" "
      "aria-label=\"Histogram of latencies\">\n",
      kWidth, kHeight + 40);
  for (size_t i = 0; i < buckets.size(); ++i) {
    const double height =
        kHeight * static_cast<double>(buckets[i].count) / highest;
    const double x = step * static_cast<double>(i);
    absl::StrAppendFormat(
        &svg,
        "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\">"
        "<title>%s to %s: %d</title></rect>\n",
        x, kHeight - height, std::max(step - 1, 1.0), height,
        Time(buckets[i].from), Time(buckets[i].to), buckets[i].count);
    const size_t every = std::max<size_t>(1, buckets.size() / 10);
    if (i % every == 0) {
      absl::StrAppendFormat(&svg, "<text x=\"%.1f\" y=\"%.0f\">%s</text>\n", x,
                            kHeight + 20, Time(buckets[i].from));
    }
  }
  return svg + "</svg>\n";
}

// The latency by the share of calls, the last ones wide: 90 %, 99 %, …
std::string PercentilePlot(const LatencyHistogram& latencies) {
  if (latencies.count() == 0) return "";
  constexpr double kWidth = 900;
  constexpr double kHeight = 240;
  constexpr int kDecades = 5;
  constexpr int kSteps = 100;
  const double most = std::log(static_cast<double>(latencies.max()) + 1);
  const double least = std::log(static_cast<double>(latencies.min()) + 1);
  std::string points;
  for (int i = 0; i <= kSteps; ++i) {
    const double at = static_cast<double>(i) / kSteps;
    const double share = 1 - std::pow(10, -at * kDecades);
    const double value =
        std::log(static_cast<double>(latencies.Percentile(share)) + 1);
    const double y = most > least ? (value - least) / (most - least) : 1;
    absl::StrAppendFormat(&points, "%.1f,%.1f ", at * kWidth,
                          kHeight - y * kHeight);
  }
  std::string svg = absl::StrFormat(
      "<svg viewBox=\"0 0 %.0f %.0f\" role=\"img\" "
      "aria-label=\"Percentiles\">\n<polyline points=\"%s\"/>\n",
      kWidth, kHeight + 40, points);
  const char* const labels[] = {"0 %", "90 %", "99 %", "99.9 %", "99.99 %"};
  for (int i = 0; i < kDecades; ++i) {
    absl::StrAppendFormat(&svg, "<text x=\"%.1f\" y=\"%.0f\">%s</text>\n",
                          kWidth * i / kDecades, kHeight + 20, labels[i]);
  }
  return svg + "</svg>\n";
}

}  // namespace

std::string BenchText(const BenchTitle& title, const LoadResult& result) {
  std::string text;
  for (const auto& [name, value] : Rows(title, result)) {
    absl::StrAppendFormat(&text, "%-16s %s\n", name, value);
  }
  const auto buckets = result.latencies.Buckets();
  if (buckets.empty()) return text;
  absl::StrAppend(&text, "\n");
  const auto highest = static_cast<double>(Highest(buckets));
  for (const auto& bucket : buckets) {
    const int length = static_cast<int>(
        std::ceil(40 * static_cast<double>(bucket.count) / highest));
    absl::StrAppendFormat(&text, "%10s %9d %s\n", Time(bucket.from),
                          bucket.count,
                          std::string(static_cast<size_t>(length), '#'));
  }
  return text;
}

std::string BenchJson(const BenchTitle& title, const LoadResult& result) {
  std::string json = absl::StrCat(
      "{\"address\":", Quoted(title.address),
      ",\"method\":", Quoted(title.method),
      ",\"concurrency\":", title.concurrency,
      ",\"connections\":", title.connections, ",\"rate_asked\":", title.rate,
      ",\"elapsed_ns\":", result.elapsed.count(),
      ",\"calls\":", result.latencies.count(), ",\"failed\":", result.failed(),
      ",\"rate\":", result.rate(), ",\"errors\":{");
  const char* comma = "";
  for (const auto& [code, count] : result.errors) {
    absl::StrAppend(&json, comma, Quoted(absl::StatusCodeToString(code)), ":",
                    count);
    comma = ",";
  }
  absl::StrAppend(&json, "},\"latency_ns\":{\"min\":", result.latencies.min(),
                  ",\"mean\":", result.latencies.mean(),
                  ",\"max\":", result.latencies.max());
  for (const Quantile& quantile : kQuantiles) {
    absl::StrAppend(&json, ",\"", quantile.name,
                    "\":", result.latencies.Percentile(quantile.share));
  }
  absl::StrAppend(&json, "},\"histogram\":[");
  comma = "";
  for (const auto& bucket : result.latencies.Buckets()) {
    absl::StrAppend(&json, comma, "{\"from_ns\":", bucket.from,
                    ",\"to_ns\":", bucket.to, ",\"calls\":", bucket.count, "}");
    comma = ",";
  }
  return absl::StrCat(json, "]}");
}

std::string BenchHtml(const BenchTitle& title, const LoadResult& result) {
  std::string html = absl::StrCat(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<title>",
      Html(title.method),
      "</title>\n<style>\n"
      "body { font: 15px sans-serif; max-width: 60em; margin: 2em auto; }\n"
      "td { padding: 0 2em 0.2em 0; }\n"
      "svg { width: 100%; } rect { fill: #4477aa; }\n"
      "polyline { fill: none; stroke: #aa3377; stroke-width: 2; }\n"
      "text { font-size: 12px; }\n"
      "</style>\n</head>\n<body>\n<h1>",
      Html(title.method), "</h1>\n<table>\n");
  for (const auto& [name, value] : Rows(title, result)) {
    absl::StrAppend(&html, "<tr><td>", Html(name), "</td><td>", Html(value),
                    "</td></tr>\n");
  }
  absl::StrAppend(&html, "</table>\n<h2>Latencies</h2>\n",
                  HistogramPlot(result.latencies), "<h2>Percentiles</h2>\n",
                  "<p>The latency, logarithmically, that a share of the calls "
                  "does not exceed.</p>\n",
                  PercentilePlot(result.latencies), "</body>\n</html>\n");
  return html;
}

}  // namespace fdrpc::tool
