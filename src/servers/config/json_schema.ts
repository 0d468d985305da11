/**
 * The JSON Schema (draft 2020-12) of a file of servers.
 *
 * @module
 */
import { DURATION_PATTERN } from "../../core/duration.ts";
import type { Schema } from "./schema.ts";
import { SERVER } from "./server_schema.ts";

/** A part of a JSON Schema. */
type Json = Readonly<Record<string, unknown>>;

/** The schema of `servers.json`: an array of servers, or an object with it and what the file is for. */
export function serversJsonSchema(): Json {
  const servers = { description: "The servers, in their order.", type: "array", items: { $ref: "#/$defs/server" } };
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: "Servers of an HttpServerPool (@x/h2pool)",
    description: "Comments and trailing commas are allowed.",
    anyOf: [
      servers,
      {
        type: "object",
        properties: {
          $schema: { description: "Where the schema is, for editors.", type: "string" },
          tls: {
            ...jsonSchema(SERVER.fields.tls!),
            description: "For servers that inherit it, or need one and have none.",
          },
          servers,
        },
        required: ["servers"],
        additionalProperties: false,
      },
    ],
    $defs: { server: jsonSchema(SERVER) },
  };
}

function jsonSchema(schema: Schema): Json {
  const { description } = schema;
  const words = schema.default === undefined ? { description } : { description, default: schema.default };
  switch (schema.kind) {
    case "text":
      return {
        ...words,
        type: "string",
        ...(schema.pattern === undefined ? { minLength: 1 } : { pattern: schema.pattern }),
      };
    case "flag":
      return { ...words, type: "boolean" };
    case "integer":
      return { ...words, type: "integer", minimum: schema.min, maximum: schema.max };
    case "duration":
      return {
        ...words,
        anyOf: [{ type: "number", minimum: 0 }, { type: "string", pattern: DURATION_PATTERN }],
      };
    case "choices":
      return { ...words, type: "array", items: { enum: schema.of }, minItems: 1, uniqueItems: true };
    case "pem":
      return { ...words, type: "string", pattern: "-----BEGIN" };
    case "object": {
      const fields = Object.entries(schema.fields).filter(([, field]) => field.codeOnly !== true);
      const required = schema.required ?? [];
      return {
        ...words,
        type: "object",
        properties: Object.fromEntries(fields.map(([name, field]) => [name, jsonSchema(field)])),
        ...(required.length === 0 ? {} : { required }),
        additionalProperties: false,
      };
    }
    case "handler":
    case "handlers":
      return {};
  }
}
