// What people's programs do with warmd by the SDK of OpenAI, over TCP and over the Unix socket.
// Usage: node openai.mjs PACKAGES URL TOKEN SOCKET MODEL. Ends with 77 where it is not installed.
import assert from "node:assert/strict";
import { createRequire } from "node:module";

const [packages, url, token, socket, model] = process.argv.slice(2);
const require = createRequire(packages + "/");
let OpenAI, undici;
try {
  ({ default: OpenAI } = require("openai"));
  undici = require("undici");
} catch {
  process.exit(77);
}
const dispatcher = new undici.Agent({ connect: { socketPath: socket } });
const over_socket = (to, how) => undici.fetch(to, { ...how, dispatcher });
for (const client of [new OpenAI({ apiKey: token, baseURL: url + "/v1" }),
                      new OpenAI({ apiKey: "none", baseURL: "http://warmd/v1",
                                   fetch: over_socket })]) {
  const asked = { model: model + "@0.5", prompt: "The prince", max_tokens: 4, temperature: 0 };
  const said = await client.completions.create({ ...asked, echo: true, logprobs: 1 });
  assert(said.choices[0].text.startsWith("The prince"));
  assert.equal(said.choices[0].logprobs.tokens.length, said.usage.total_tokens);
  let text = "";
  for await (const chunk of await client.completions.create({ ...asked, stream: true }))
    text += chunk.choices[0]?.text ?? "";
  assert.equal("The prince" + text, said.choices[0].text);
  await assert.rejects(client.completions.create({ ...asked, best_of: 3 }),
                       why => why.status === 400 && why.param === "best_of");
  await assert.rejects(client.models.retrieve("nothing"), why => why.status === 404);
  const all = await client.models.list();
  assert(all.data.some(each => each.id === model && each.max_model_len > 0));
}
await dispatcher.close();
