// For the campaign `audit`: one bundle, many alterations of its chain, one process.
//
//   node many.mjs BUNDLE STATION-CA.pem GATEWAY-CA.pem < EDITS
//
// Each line of EDITS is {"at": index, "remove": count, "insert": [rows]}, a splice of chain.rows. One line goes out
// for each: the first broken link, or null.
import { readFileSync } from "node:fs";
import { anchors, verifyBundle } from "./verify.mjs";

const [bundle, ca, gatewayCa] = process.argv.slice(2);
const whole = JSON.parse(readFileSync(bundle, "utf8"));
const [station, gateway] = [ca, gatewayCa].map((path) => anchors(readFileSync(path, "utf8")));
for (const line of readFileSync(0, "utf8").split("\n").filter(Boolean)) {
  const { at, remove, insert } = JSON.parse(line);
  const rows = [...whole.chain.rows];
  rows.splice(at, remove, ...insert);
  const altered = { ...whole, chain: { ...whole.chain, rows } };
  process.stdout.write(`${JSON.stringify(verifyBundle(altered, station, gateway).first_broken)}\n`);
}
