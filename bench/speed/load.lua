-- wrk's script: sends the requests of a file in turn, from a random place on. A request is three lines: path, headers ("name: value" parted by tabs), body.
local requests = {}
local at

function init(args)
  local lines = io.lines(args[1])
  for path in lines do
    local headers = { ["content-type"] = "application/json" }
    for name, value in string.gmatch(lines(), "([^:\t]+): ([^\t]*)") do headers[name] = value end
    requests[#requests + 1] = wrk.format("POST", path, headers, lines())
  end
  at = tonumber(args[2]) % #requests
end

function request()
  at = at % #requests + 1
  return requests[at]
end

function done(summary, latency, _)
  local errors = summary.errors
  io.write(string.format('\nRESULT {"requests":%d,"microseconds":%d,"p50":%d,"p99":%d,"errors":%d}\n', summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99), errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
