// Makes src/wire.ts of the broker's document: the types of what it answers. With `--check` it only compares.
import { readFileSync, writeFileSync } from "node:fs";

const document = new URL("../../docs/openapi.json", import.meta.url);
const file = new URL("src/wire.ts", import.meta.url);
const { schemas } = JSON.parse(readFileSync(document, "utf8")).components;

const plain = { string: "string", integer: "number", number: "number", boolean: "boolean", null: "null", object: "Record<string, unknown>" };

function typeOf(schema, indent) {
  if (schema.$ref) return schema.$ref.split("/").at(-1);
  if (schema.enum) return schema.enum.map((word) => JSON.stringify(word)).join(" | ");
  if (schema.oneOf) return schema.oneOf.map((one) => typeOf(one, indent)).join(" | ");
  if (schema.allOf) return schema.allOf.map((part) => typeOf(part, indent)).join(" & ");
  if (schema.properties) return membersOf(schema, indent);
  const types = [schema.type ?? "object"].flat();
  return types.map((name) => (name === "array" ? `Array<${typeOf(schema.items ?? {}, indent)}>` : plain[name])).join(" | ");
}

function membersOf({ properties, required = [] }, indent) {
  const members = Object.entries(properties).map(([name, schema]) => {
    const optional = required.includes(name) ? "" : "?";
    return `${words(schema, `${indent}  `)}${indent}  ${name}${optional}: ${typeOf(schema, `${indent}  `)};\n`;
  });
  return `{\n${members.join("")}${indent}}`;
}

const words = ({ description }, indent) => (description ? `${indent}/** ${description.replaceAll("\n", " ")} */\n` : "");

const types = Object.entries(schemas).map(([name, schema]) => `${words(schema, "")}export type ${name} = ${typeOf(schema, "")};\n`);
const text = `// Made by wire.mjs of docs/openapi.json: what the broker answers. Nobody changes it by hand.\n\n${types.join("\n")}`;

if (!process.argv.includes("--check")) writeFileSync(file, text);
else if (readFileSync(file, "utf8") !== text) {
  console.error("src/wire.ts is old: run `npm run wire`, when docs/openapi.json is what the broker serves.");
  process.exitCode = 1;
}
