// Writes one JSON Schema per exported type of types.ts, and Grafana's unit ids.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { createGenerator } from 'ts-json-schema-generator';

const manifest = JSON.parse(readFileSync('package.json', 'utf8'));
const names = [...readFileSync('types.ts', 'utf8').matchAll(/^export type (\w+)/gm)].map((match) => match[1]);
const generator = createGenerator({ path: 'types.ts', tsconfig: 'tsconfig.json', skipTypeCheck: true });

for (const name of names) {
  writeFileSync(`${name}.schema.json`, JSON.stringify(generator.createSchema(name), null, 1) + '\n');
}
console.log(`${names.length} schemas`);

// The unit ids are read from the package's text: installing it would bring two hundred packages for one list.
const packed = execFileSync(
  process.execPath,
  [process.env.npm_execpath, 'pack', manifest.config.units, '--silent', '--prefer-offline'],
  { encoding: 'utf8' },
).trim();
const source = execFileSync('tar', ['-xOzf', packed, 'package/dist/esm/valueFormats/categories.mjs'], {
  encoding: 'utf8',
});
const unescaped = (text) =>
  text.replace(/\\(?:x(..)|u(....))/g, (_, x, u) => String.fromCharCode(parseInt(x ?? u, 16)));
const units = [...source.matchAll(/\bid: "([^"]+)"/g)].map((match) => unescaped(match[1]));
if (units.length < 200) {
  throw new Error(`${manifest.config.units} lists ${units.length} units: its layout has changed`);
}
writeFileSync('units.json', JSON.stringify([...new Set(units)].sort(), null, 1) + '\n');
console.log(`${units.length} units`);
