// An OPC UA server of another make, for tests: node server.cjs PORT COUNT MOST FOLDER
// COUNT Double variables ns=1;s=v0 … that change ten times a second, v0 with a history; MOST is MaxNodesPerRead and
// MaxMonitoredItemsPerCall; FOLDER holds its certificate. Each line on stdin is JSON: {"set": name, "value": n, "status": s}.
const { OPCUAServer, OPCUACertificateManager, StatusCodes, DataType } = (() => {
  const server = require("node-opcua-server");
  return {
    OPCUAServer: server.OPCUAServer,
    OPCUACertificateManager: require("node-opcua-certificate-manager").OPCUACertificateManager,
    StatusCodes: require("node-opcua-status-code").StatusCodes,
    DataType: require("node-opcua-variant").DataType,
  };
})();
const { AddressSpace } = require("node-opcua-address-space");

async function main() {
  const [port, count, most] = process.argv.slice(2, 5).map(Number);
  const folder = process.argv[5];
  const certificates = new OPCUACertificateManager({ rootFolder: folder, automaticallyAcceptUnknownCertificate: true });
  await certificates.initialize();
  const limits = { maxNodesPerRead: most, maxMonitoredItemsPerCall: most };
  const server = new OPCUAServer({
    port,
    serverCertificateManager: certificates,
    userManager: { isValidUser: (user, password) => user === "gateway" && password === "right" },
    serverCapabilities: { operationLimits: limits },
  });
  await server.initialize();
  const space = server.engine.addressSpace;
  const own = space.getOwnNamespace();
  const plant = own.addObject({ organizedBy: space.rootFolder.objects, browseName: "Plant" });
  const variables = [];
  for (let i = 0; i < count; i++) {
    variables.push(
      own.addVariable({
        componentOf: plant,
        nodeId: `s=v${i}`,
        browseName: `v${i}`,
        dataType: "Double",
        minimumSamplingInterval: 0,
        value: { dataType: DataType.Double, value: i },
      }),
    );
  }
  space.installHistoricalDataNode(variables[0], { maxOnlineValues: 10000 });
  const fixed = new Map();
  let round = 0;
  setInterval(() => {
    round += 1;
    variables.forEach((variable, i) => {
      const given = fixed.get(`v${i}`);
      const value = given === undefined ? i + round : given.value;
      const status = given === undefined ? StatusCodes.Good : StatusCodes[given.status];
      variable.setValueFromSource({ dataType: DataType.Double, value }, status, new Date());
    });
  }, 100);
  require("readline")
    .createInterface({ input: process.stdin })
    .on("line", (line) => {
      const told = JSON.parse(line);
      fixed.set(told.set, told);
    })
    .on("close", () => process.exit(0));
  await server.start();
  console.log("ready");
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
