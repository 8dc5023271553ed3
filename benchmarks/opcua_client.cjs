// node-opcua's client: node opcua_client.cjs URL read|subscribe COUNT SECONDS EVERY
// Prints the values that came, the processor seconds that they took, the seconds that passed, and resident bytes.
const fs = require("fs");
const {
  OPCUAClient,
  AttributeIds,
  TimestampsToReturn,
  ClientMonitoredItemGroup,
  MessageSecurityMode,
  SecurityPolicy,
} = require("node-opcua-client");

const [url, mode] = process.argv.slice(2, 4);
const [count, seconds, every] = process.argv.slice(4, 7).map(Number);
const now = () => Number(process.hrtime.bigint()) / 1e9;
const pause = (time) => new Promise((done) => setTimeout(done, time * 1e3));
const cpu = () =>
  fs
    .readdirSync("/proc/self/task")
    .map((task) => Number(fs.readFileSync(`/proc/self/task/${task}/schedstat`, "utf8").split(" ")[0]) / 1e9)
    .reduce((one, other) => one + other, 0);

async function read(session, nodes, until) {
  let values = 0;
  for (let turn = now(); turn < until; turn += every) {
    await pause(Math.max(0, turn - now()));
    values += (await session.read(nodes)).filter((found) => Number.isFinite(found.value.value)).length;
  }
  return values;
}

async function subscribe(session, nodes) {
  const counted = { values: 0 };
  const subscription = await session.createSubscription2({
    requestedPublishingInterval: 500,
    requestedLifetimeCount: 1000,
    requestedMaxKeepAliveCount: 10,
    maxNotificationsPerPublish: 0,
    publishingEnabled: true,
    priority: 1,
  });
  const settings = { samplingInterval: 0, queueSize: 100, discardOldest: true };
  for (let first = 0; first < count; first += 1000) {
    const group = ClientMonitoredItemGroup.create(
      subscription,
      nodes.slice(first, first + 1000),
      settings,
      TimestampsToReturn.Both,
    );
    group.on("changed", (_, value) => {
      if (Number.isFinite(value.value.value)) counted.values += 1;
    });
    await new Promise((done) => group.once("initialized", done));
  }
  return counted;
}

async function main() {
  const client = OPCUAClient.create({
    endpointMustExist: false,
    securityMode: MessageSecurityMode.None,
    securityPolicy: SecurityPolicy.None,
    connectionStrategy: { maxRetry: 1 },
  });
  await client.connect(url);
  const session = await client.createSession();
  const nodes = [...Array(count).keys()].map((i) => ({ nodeId: `ns=1;s=v${i}`, attributeId: AttributeIds.Value }));
  let values, before, began;
  if (mode === "read") {
    await read(session, nodes, now() + 2);
    [before, began] = [cpu(), now()];
    values = await read(session, nodes, began + seconds);
  } else {
    const counted = await subscribe(session, nodes);
    while (counted.values < 2 * count) await pause(0.1);
    [before, began] = [cpu(), now()];
    const had = counted.values;
    await pause(seconds);
    values = counted.values - had;
  }
  console.log(values, cpu() - before, now() - began, process.memoryUsage().rss);
  await session.close(true);
  await client.disconnect();
  process.exit(0);
}

main().catch((error) => {
  console.error(String(error));
  process.exit(1);
});
