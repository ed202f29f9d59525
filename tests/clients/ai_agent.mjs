/** An agent as people write it with the Vercel AI SDK, which runs the tools itself.
 * usage: node ai_agent.mjs FOLDER PROVIDER PROMPT */

import {readFile, writeFile} from "node:fs/promises";
import {createRequire} from "node:module";
import {pathToFileURL} from "node:url";

const [folder, provider, prompt] = process.argv.slice(2);
const find = createRequire(`${folder}/package.json`);
const load = (name) => import(pathToFileURL(find.resolve(name)));
const {jsonSchema, stepCountIs, streamText, tool} = await load("ai");
const models = {
  anthropic: async () => (await load("@ai-sdk/anthropic")).anthropic("claude-opus-4-5"),
  openai: async () => (await load("@ai-sdk/openai")).openai("gpt-5.4"),
};
const text = {type: "string"};
const fields = (properties) => jsonSchema({type: "object", properties, required: Object.keys(properties)});
const result = streamText({
  model: await models[provider](),
  prompt,
  stopWhen: stepCountIs(5),
  onError: ({error}) => { throw error; },
  tools: {
    write_file: tool({
      inputSchema: fields({path: text, content: text}),
      execute: async ({path, content}) => { await writeFile(path, content); return "written"; },
    }),
    read_file: tool({inputSchema: fields({path: text}), execute: ({path}) => readFile(path, "utf8")}),
  },
});
for await (const part of result.textStream) process.stdout.write(part);
