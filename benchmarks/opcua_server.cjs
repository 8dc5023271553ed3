// A node-opcua server: node opcua_server.cjs PORT COUNT FOLDER
// COUNT Double variables ns=1;s=v0 … that all change once a second; FOLDER holds its certificate. It ends with stdin.
const { OPCUAServer } = require("node-opcua-server");
const { OPCUACertificateManager } = require("node-opcua-certificate-manager");
const { DataType } = require("node-opcua-variant");
const { StatusCodes } = require("node-opcua-status-code");

async function main() {
  const [port, count] = process.argv.slice(2, 4).map(Number);
  const certificates = new OPCUACertificateManager({
    rootFolder: process.argv[4],
    automaticallyAcceptUnknownCertificate: true,
  });
  await certificates.initialize();
  const most = 200000;
  const server = new OPCUAServer({
    port,
    serverCertificateManager: certificates,
    serverCapabilities: {
      maxMonitoredItems: most,
      maxMonitoredItemsPerSubscription: most,
      maxMonitoredItemsPerCall: most,
      operationLimits: { maxNodesPerRead: most, maxMonitoredItemsPerCall: most },
    },
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
  let round = 0;
  setInterval(() => {
    round += 1;
    const now = new Date();
    variables.forEach((variable, i) => {
      variable.setValueFromSource({ dataType: DataType.Double, value: i + round + 0.25 }, StatusCodes.Good, now);
    });
  }, 1000);
  process.stdin.on("end", () => process.exit(0)).resume();
  await server.start();
  console.log("ready");
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
