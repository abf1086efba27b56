// Every step of the official Node SDK, by name; prints what it found as one JSON object.
import OpenAI, { toFile } from "openai";

const [baseURL, apiKey] = process.argv.slice(2);
const client = new OpenAI({ baseURL, apiKey, maxRetries: 0, timeout: 10_000 });
const messages = (content) => [{ role: "user", content }];

const steps = {
  async chat() {
    const answer = await client.chat.completions.create({ model: "chat", messages: messages("hi") });
    return [answer.choices[0].message.content, answer.usage.total_tokens, answer._request_id];
  },

  async chatStream() {
    const stream = await client.chat.completions.create({
      model: "chat",
      messages: messages("hi"),
      stream: true,
      stream_options: { include_usage: true },
    });
    const found = { text: "", chunks: 0, usage: null };
    for await (const chunk of stream) {
      found.chunks += 1;
      found.text += chunk.choices[0]?.delta?.content ?? "";
      found.usage = chunk.usage?.total_tokens ?? found.usage;
    }
    return found;
  },

  async chatStreamHelper() {
    const stream = client.chat.completions.stream({ model: "chat", messages: messages("weather?") });
    const answer = await stream.finalChatCompletion();
    return answer.choices[0].message.tool_calls.map((call) => [call.function.name, call.function.arguments]);
  },

  async bridgedStream() {
    const stream = await client.chat.completions.create({ model: "bridged", messages: messages("hi"), stream: true });
    let text = "";
    for await (const chunk of stream) text += chunk.choices[0]?.delta?.content ?? "";
    return text;
  },

  async responses() {
    const answer = await client.responses.create({ model: "responses", input: "hi" });
    return [answer.output_text, answer.status];
  },

  async responsesStream() {
    const types = [];
    const stream = await client.responses.create({ model: "responses", input: "hi", stream: true });
    for await (const event of stream) types.push(event.type);
    return types;
  },

  async responsesStreamHelper() {
    const stream = client.responses.stream({ model: "responses", input: "hi" });
    let text = "";
    stream.on("response.output_text.delta", (event) => (text += event.delta));
    const answer = await stream.finalResponse();
    return [text, answer.output_text];
  },

  async embeddings() {
    const answer = await client.embeddings.create({ model: "embed", input: ["a", "b"] });
    return answer.data.map((row) => Array.from(row.embedding));
  },

  async transcription() {
    const file = await toFile(Buffer.alloc(300_000, 1), "speech.wav", { type: "audio/wav" });
    const answer = await client.audio.transcriptions.create({ model: "hear", file });
    return answer.text;
  },

  async models() {
    const names = [];
    for await (const model of client.models.list()) names.push(model.id);
    return names;
  },

  async upstreamError() {
    try {
      await client.chat.completions.create({ model: "chat", messages: messages("too much") });
    } catch (error) {
      return [error.constructor.name, error instanceof OpenAI.RateLimitError, error.status, error.code, error.requestID];
    }
  },

  async unknownModel() {
    try {
      await client.chat.completions.create({ model: "nobody", messages: messages("hi") });
    } catch (error) {
      return [error instanceof OpenAI.NotFoundError, error.code, error.param];
    }
  },

  async wrongKey() {
    const stranger = new OpenAI({ baseURL, apiKey: "sk-wrong", maxRetries: 0 });
    try {
      await stranger.models.list();
    } catch (error) {
      return [error instanceof OpenAI.AuthenticationError, error.code];
    }
  },

  async errorInStream() {
    try {
      const stream = await client.chat.completions.create({ model: "chat", messages: messages("break"), stream: true });
      for await (const _ of stream);
    } catch (error) {
      return [error instanceof OpenAI.APIError, error.message, error.code];
    }
  },

  async abort() {
    const stream = await client.chat.completions.create({ model: "chat", messages: messages("for ever"), stream: true });
    let chunks = 0;
    for await (const _ of stream) if (++chunks === 3) stream.controller.abort();
    return chunks >= 3;
  },

  async many() {
    const asked = Array.from({ length: 20 }, () => steps.chat());
    return (await Promise.all(asked)).filter(([text]) => text === "Hello").length;
  },
};

const found = {};
for (const [name, step] of Object.entries(steps)) {
  try {
    found[name] = (await step()) ?? null;
  } catch (error) {
    found[name] = `${error.constructor.name}: ${error.message}`;
  }
}
console.log(JSON.stringify(found));
