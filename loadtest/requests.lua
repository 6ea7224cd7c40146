-- wrk: POSTs the requests of the file $REQUESTS in turn, each line "TOKEN<tab>TYPE<tab>BODY"; $DELAY_MS
-- between an answer and the next request of its connection. The last line is JSON for bench.mjs.
local requests, at = {}, 0

function init()
  for line in io.lines(os.getenv("REQUESTS")) do
    local token, type, body = line:match("^(.-)\t(.-)\t(.*)$")
    requests[#requests + 1] = wrk.format("POST", nil,
      { ["authorization"] = "Bearer " .. token, ["content-type"] = type }, body)
  end
end

function request()
  at = at % #requests + 1
  return requests[at]
end

local delay_ms = tonumber(os.getenv("DELAY_MS") or "0")
if delay_ms > 0 then
  function delay() return delay_ms end
end

function done(summary, latency)
  local e = summary.errors
  print(string.format('{"requests":%d,"seconds":%.6f,"errors":%d,"p50_us":%d,"p99_us":%d}',
    summary.requests, summary.duration / 1e6, e.connect + e.read + e.write + e.status + e.timeout,
    latency:percentile(50), latency:percentile(99)))
end
