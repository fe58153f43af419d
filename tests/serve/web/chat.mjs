// Runs React's useChat without a browser. Reads a plan from stdin, and prints what the page would have shown:
// {"api": ..., "id": ..., "messages": [...], "steps": [{"send": text}, {"regenerate": true}, {"resume": true}]}
// A step may end its answer after this many characters of text: {"leave": 5} disconnects, {"stop": 5, "at": address}
// asks the server to stop it.

import { useChat } from '@ai-sdk/react';
import { DefaultChatTransport } from 'ai';
import { text } from 'node:stream/consumers';
import { setTimeout as pause } from 'node:timers/promises';
import { createElement } from 'react';
import { create } from 'react-test-renderer';

const logError = console.error;
// The renderer logs that it is deprecated, and the tests fail on any output to stderr
console.error = (...args) => String(args[0]).includes('deprecated') || logError(...args);

const plan = JSON.parse(await text(process.stdin));
const shown = { statuses: [], data: [], errors: [], finishes: [], sizes: [] };
let chat;

function Page() {
  chat = useChat({
    id: plan.id,
    messages: plan.messages,
    transport: new DefaultChatTransport({ api: plan.api, body: plan.body }),
    onData: ({ type, data }) => shown.data.push([type, data]),
    onError: error => shown.errors.push(error.message),
    onFinish: ({ finishReason, isAbort, isDisconnect, isError }) =>
      shown.finishes.push({ finishReason, isAbort, isDisconnect, isError }),
  });
  if (shown.statuses.at(-1) !== chat.status) {
    shown.statuses.push(chat.status);
  }
  const size = sizeOf(chat.messages.at(-1));
  if (size !== shown.sizes.at(-1)) {
    shown.sizes.push(size);
  }
  return null;
}

function sizeOf(message) {
  const texts = message?.role === 'assistant' ? message.parts.filter(part => part.type === 'text') : [];
  return texts.reduce((size, part) => size + part.text.length, 0);
}

async function until(condition) {
  while (!condition()) {
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
    shown.stopped = response.status;
  }
  await answer;
}

const page = create(createElement(Page));
await until(() => chat);
for (const step of plan.steps) {
  await run(step);
  await until(() => ['ready', 'error'].includes(chat.status));
  await pause(100); // for the last render
}
console.log(JSON.stringify({ ...shown, status: chat.status, messages: chat.messages }));
page.unmount();
