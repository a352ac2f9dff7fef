// SPDX-License-Identifier: Apache-2.0
//
// A model that follows a script: the OpenAI Responses API as far as Codex needs
// it for two turns, a command and a text.  Prints its port, then a JSON line for
// each request.  $MODEL_COMMAND is what the command is.
import { createServer } from 'node:http';

const MARK = 'call_bawn';
const FINAL = 'THE-TWO-TURNS-ARE-DONE';

// By the name under which this client offers its shell.
const shells = {
	exec_command: (cmd) => ({ cmd }),
	shell_command: (cmd) => ({ command: cmd }),
	shell: (cmd) => ({ command: ['sh', '-c', cmd] }),
};

function itemFor(request, id) {
	const ran = (request.input ?? []).some((i) => `${i.call_id}`.startsWith(MARK));
	const tool = (request.tools ?? []).map((t) => t.name).find((n) => n in shells);

	if (ran || !tool)
		return { type: 'message', id: `msg_${id}`, role: 'assistant', status: 'completed',
			content: [{ type: 'output_text', text: FINAL, annotations: [] }] };
	return { type: 'function_call', id: `fc_${id}`, call_id: `${MARK}_${id}`, name: tool,
		arguments: JSON.stringify(shells[tool](process.env.MODEL_COMMAND)) };
}

let count = 0;

async function answer(request, response) {
	const parts = [];
	const id = ++count;

	for await (const part of request)
		parts.push(part);
	let body = null;
	try {
		body = JSON.parse(Buffer.concat(parts).toString());
	} catch { /* no JSON: no model request */ }
	const isModel = request.method === 'POST' && request.url.endsWith('/responses') && body;
	console.log(JSON.stringify({ method: request.method, path: request.url,
		tools: (body?.tools ?? []).map((t) => t.name ?? t.type) }));
	if (!isModel) {
		response.writeHead(404, { 'content-type': 'application/json' });
		response.end('{"error":{"message":"no such path"}}');
		return;
	}

	const item = itemFor(body, id);
	const whole = { id: `resp_${id}`, object: 'response', created_at: 1, model: body.model,
		status: 'in_progress', output: [] };
	const usage = { input_tokens: 100, input_tokens_details: { cached_tokens: 0 },
		output_tokens: 10, output_tokens_details: { reasoning_tokens: 0 },
		total_tokens: 110 };
	let number = 0;
	const send = (type, data) => response.write(`event: ${type}\ndata: ${
		JSON.stringify({ type, sequence_number: number++, ...data })}\n\n`);

	response.writeHead(200, { 'content-type': 'text/event-stream' });
	send('response.created', { response: whole });
	send('response.output_item.added', { output_index: 0, item });
	send('response.output_item.done', { output_index: 0, item });
	send('response.completed', { response: { ...whole, status: 'completed',
		output: [item], usage } });
	response.end();
}

const server = createServer((q, s) => answer(q, s).catch(() => s.destroy()));
server.on('upgrade', (q, socket) => socket.end('HTTP/1.1 426 Upgrade Required\r\n\r\n'));
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
