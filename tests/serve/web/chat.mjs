// Runs React's useChat without a browser. Reads a plan from its input, and prints what the page would have seen:
// {"api": ..., "id": ..., "messages": [...], "steps": [{"send": text}, {"regenerate": true}, {"resume": true}]}
// A step may end its answer once this much text is there: {"leave": 5} hangs up, {"stop": 5, "at": address} asks the
// server to end it.

import { useChat } from '@ai-sdk/react';
import { DefaultChatTransport } from 'ai';
import { text } from 'node:stream/consumers';
import { setTimeout as pause } from 'node:timers/promises';
import { createElement } from 'react';
import { create } from 'react-test-renderer';

const said = console.error;
console.error = (...words) => String(words[0]).includes('deprecated') || said(...words); // the renderer says that it is

const plan = JSON.parse(await text(process.stdin));
const seen = { statuses: [], data: [], errors: [], finishes: [], sizes: [] };
let chat;

function Page() {
  chat = useChat({
    id: plan.id,
    messages: plan.messages,
    transport: new DefaultChatTransport({ api: plan.api, body: plan.body }),
    onData: ({ type, data }) => seen.data.push([type, data]),
    onError: error => seen.errors.push(error.message),
    onFinish: ({ finishReason, isAbort, isDisconnect, isError }) =>
      seen.finishes.push({ finishReason, isAbort, isDisconnect, isError }),
  });
  if (seen.statuses.at(-1) !== chat.status) {
    seen.statuses.push(chat.status);
  }
  const size = sizeOf(chat.messages.at(-1));
  if (size !== seen.sizes.at(-1)) {
    seen.sizes.push(size);
  }
  return null;
}

function sizeOf(message) {
  const texts = message?.role === 'assistant' ? message.parts.filter(part => part.type === 'text') : [];
  return texts.reduce((size, part) => size + part.text.length, 0);
}

async function until(holds) {
  while (!holds()) {
    await pause(5);
  }
}

async function run(step) {
  const answer = step.send ? chat.sendMessage({ text: step.send }) : step.resume ? chat.resumeStream() : chat.regenerate();
  if (step.leave) {
    await until(() => sizeOf(chat.messages.at(-1)) >= step.leave);
    await chat.stop();
  }
  if (step.stop) {
    await until(() => sizeOf(chat.messages.at(-1)) >= step.stop);
    const response = await fetch(`${step.at}/streams/${chat.messages.at(-1).id}/stop`, { method: 'POST' });
    seen.stopped = response.status;
  }
  await answer;
}

const page = create(createElement(Page));
await until(() => chat);
for (const step of plan.steps) {
  await run(step);
  await until(() => ['ready', 'error'].includes(chat.status));
  await pause(100); // what was seen last is rendered after that
}
console.log(JSON.stringify({ ...seen, status: chat.status, messages: chat.messages }));
page.unmount();
