# The peer of the core benchmark: what people do with urunc's timestamps by script. Parses each line, groups by container,
# sorts by time, takes the difference of neighbours, and sums up per pair. Exact integers, no spans.
import json, sys, time
from collections import defaultdict

began = time.process_time()
containers = defaultdict(list)
lines = 0
with open(sys.argv[1]) as log:
    for line in log:
        record = json.loads(line)
        containers[record["containerID"]].append((record["timestampID"], record["time"]))
        lines += 1
pairs = defaultdict(list)
for marks in containers.values():
    marks.sort(key=lambda mark: mark[1])
    for (one, begin), (other, end) in zip(marks, marks[1:]):
        pairs[one + " -> " + other].append(end - begin)
result = {
    pair: {"minimum": f"{min(values)} ns", "maximum": f"{max(values)} ns", "average": f"{sum(values) / len(values)} ns"}
    for pair, values in pairs.items()
}
json.dumps(result, indent=4)
print(json.dumps({"lines": lines, "cpu": time.process_time() - began}))
