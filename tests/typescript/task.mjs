/**
 * The official TypeScript SDKs in the tool task of tests/addons/tool_task.py.
 *
 * Standard input: {key, picture, question, results, schema, jobs: [{id, kind, client, url, model, stream}]}.
 * Standard output: by each job's id what the client saw, or the error that the SDK threw. All jobs run at once.
 * Clients go by their base URL, because in Node they do not honour HTTPS_PROXY.
 */

import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";

const { key, picture, question, results, schema, jobs } = JSON.parse(await readAll(process.stdin));
const pictureUrl = `data:image/png;base64,${picture}`;
const names = Object.keys(results);

async function readAll(stream) {
  let text = "";
  for await (const part of stream) text += part;
  return text;
}

class ChatTask {
  constructor({ url, model, stream }) {
    this.client = new OpenAI({ baseURL: `${url}/v1`, apiKey: key, maxRetries: 0, timeout: 30_000 });
    this.stream = stream;
    const shown = { type: "image_url", image_url: { url: pictureUrl } };
    this.messages = [{ role: "user", content: [{ type: "text", text: question }, shown] }];
    const tools = names.map((name) => ({ type: "function", function: { name, parameters: schema } }));
    this.options = { model, tools };
  }

  async ask() {
    const options = { ...this.options, messages: this.messages };
    const completion = await (this.stream ? this.askStreamed(options) : this.client.chat.completions.create(options));
    const [{ message, finish_reason }] = completion.choices;
    this.calls = message.tool_calls ?? [];
    this.messages.push(message);
    return {
      text: message.content,
      reasoning: message.reasoning_content,
      calls: this.calls.map((call) => [call.function.name, JSON.parse(call.function.arguments)]),
      finish: finish_reason,
      usage: [completion.usage.prompt_tokens, completion.usage.completion_tokens],
    };
  }

  /** Of a field that it does not know, the SDK's helper keeps the last delta only, so the reasoning is gathered. */
  async askStreamed(options) {
    let reasoning = "";
    const stream = this.client.chat.completions.stream({ ...options, stream_options: { include_usage: true } });
    stream.on("chunk", (chunk) => (reasoning += chunk.choices[0]?.delta.reasoning_content ?? ""));
    const completion = await stream.finalChatCompletion();
    completion.choices[0].message.reasoning_content = reasoning;
    return completion;
  }

  answer() {
    for (const call of this.calls) {
      this.messages.push({ role: "tool", tool_call_id: call.id, content: results[call.function.name] });
    }
  }
}

class MessagesTask {
  static finishes = { tool_use: "tool_calls", end_turn: "stop" };

  constructor({ url, model, stream }) {
    this.client = new Anthropic({ baseURL: url, apiKey: key, maxRetries: 0, timeout: 30_000 });
    this.stream = stream;
    this.shown = { type: "image", source: { type: "base64", media_type: "image/png", data: picture } };
    this.messages = [{ role: "user", content: [{ type: "text", text: question }, this.shown] }];
    const tools = names.map((name) => ({ name, input_schema: schema }));
    this.options = { model, tools, max_tokens: 2048, thinking: { type: "enabled", budget_tokens: 1024 } };
  }

  async ask() {
    const options = { ...this.options, messages: this.messages };
    const message = this.stream
      ? await this.client.messages.stream(options).finalMessage()
      : await this.client.messages.create(options);
    const ofType = (type) => message.content.filter((block) => block.type === type);
    this.calls = ofType("tool_use");
    this.messages.push({ role: "assistant", content: message.content });
    return {
      text: ofType("text").map((block) => block.text).join(""),
      reasoning: ofType("thinking").map((block) => block.thinking).join(""),
      calls: this.calls.map((call) => [call.name, call.input]),
      finish: MessagesTask.finishes[message.stop_reason],
      usage: [message.usage.input_tokens, message.usage.output_tokens],
    };
  }

  answer() {
    const content = this.calls.map((call) => ({
      type: "tool_result",
      tool_use_id: call.id,
      content: [{ type: "text", text: results[call.name] }],
    }));
    content.at(-1).content.push(this.shown);
    this.messages.push({ role: "user", content });
  }
}

class ResponsesTask {
  constructor({ url, model, stream }) {
    this.client = new OpenAI({ baseURL: `${url}/v1`, apiKey: key, maxRetries: 0, timeout: 30_000 });
    this.stream = stream;
    this.shown = { type: "input_image", image_url: pictureUrl, detail: "auto" };
    this.input = [{ role: "user", content: [{ type: "input_text", text: question }, this.shown] }];
    const tools = names.map((name) => ({ type: "function", name, parameters: schema, strict: false }));
    this.options = { model, tools, store: false, include: ["reasoning.encrypted_content"] };
  }

  async ask() {
    const options = { ...this.options, input: this.input };
    const response = this.stream
      ? await this.client.responses.stream(options).finalResponse()
      : await this.client.responses.create(options);
    if (response.error) throw new Error(response.error.message); // the SDK hands a failed response out as any other
    this.calls = response.output.filter((item) => item.type === "function_call");
    const thoughts = response.output.filter((item) => item.type === "reasoning");
    this.input.push(...response.output);
    return {
      text: response.output_text,
      reasoning: thoughts.flatMap((item) => item.content ?? item.summary).map((part) => part.text).join(""),
      calls: this.calls.map((call) => [call.name, JSON.parse(call.arguments)]),
      finish: this.calls.length ? "tool_calls" : "stop",
      usage: [response.usage.input_tokens, response.usage.output_tokens],
    };
  }

  answer() {
    const outputs = this.calls.map((call) => ({
      type: "function_call_output",
      call_id: call.call_id,
      output: [{ type: "input_text", text: results[call.name] }],
    }));
    outputs.at(-1).output.push(this.shown);
    this.input.push(...outputs);
  }
}

const tasks = { chat: ChatTask, messages: MessagesTask, responses: ResponsesTask };

async function runTask(job) {
  const task = new tasks[job.client](job);
  const first = await task.ask();
  task.answer();
  return { first, last: await task.ask() };
}

/** One question, and no tools: for the errors. */
async function askOnce(job) {
  const task = new tasks[job.client](job);
  return { first: await task.ask() };
}

/** Anthropic's own loop, which asks the server to keep the conversation. */
async function runTools({ url, model, stream }) {
  const { client, messages } = new MessagesTask({ url, model, stream });
  const ran = [];
  const tools = names.map((name) => ({
    type: "custom",
    name,
    input_schema: schema,
    parse: (input) => input,
    run: ({ term }) => {
      ran.push([name, term]);
      return results[name];
    },
  }));
  const runner = client.beta.messages.toolRunner({ model, messages, tools, max_tokens: 2048, stream });
  const { content } = await runner.runUntilDone();
  return { ran, text: content.filter((block) => block.type === "text").map((block) => block.text).join("") };
}

const kinds = { task: runTask, once: askOnce, runner: runTools };

async function run(job) {
  try {
    return [job.id, await kinds[job.kind](job)];
  } catch (error) {
    const { name } = error.constructor;
    const retryAfter = error.headers?.get("retry-after") ?? null;
    return [job.id, { error: name, status: error.status ?? null, retryAfter, message: String(error.message) }];
  }
}

console.log(JSON.stringify(Object.fromEntries(await Promise.all(jobs.map(run)))));
