// Reads answers without React, with the given version of the AI SDK: node read.mjs ai-6 <api> <api>...

const [version, ...apis] = process.argv.slice(2);
const { DefaultChatTransport, readUIMessageStream } = await import(version);

async function read(api) {
  const chunks = [];
  const errors = [];
  const stream = await new DefaultChatTransport({ api }).sendMessages({
    chatId: 'a-chat',
    messages: [{ id: 'question', role: 'user', parts: [{ type: 'text', text: 'Tell me' }] }],
    trigger: 'submit-message',
  });
  const recorded = stream.pipeThrough(
    new TransformStream({
      transform(chunk, controller) {
        chunks.push(chunk);
        controller.enqueue(chunk);
      },
    }),
  );
  let last = null;
  for await (const message of readUIMessageStream({ stream: recorded, onError: error => errors.push(error.message) })) {
    last = message;
  }
  return { message: last, chunks, errors };
}

console.log(JSON.stringify(await Promise.all(apis.map(read))));
