// SPDX-License-Identifier: Apache-2.0
//
// A model that follows a script: the Gemini API as far as Gemini CLI needs it for
// two turns, a command and a text.  Prints its port.  $MODEL_COMMAND is what the
// command is.
import { createServer } from 'node:http';

const FINAL = 'THE-TWO-TURNS-ARE-DONE';
const SHELL = 'run_shell_command';
// What its helpers ask for beside: which model, whose turn.
const CHOICE = JSON.stringify({ model_choice: 'flash', next_speaker: 'user',
	reasoning: '-', complexity_reasoning: '-', complexity_score: 1 });

function partFor(request) {
	const config = request.generationConfig ?? {};
	const offered = (request.tools ?? []).flatMap((t) => t.functionDeclarations ?? [])
		.some((f) => f.name === SHELL);
	const ran = (request.contents ?? []).some((c) => (c.parts ?? [])
		.some((p) => p.functionResponse));

	if (config.responseMimeType === 'application/json' || config.responseJsonSchema)
		return { text: CHOICE };
	if (ran || !offered)
		return { text: FINAL };
	return { functionCall: { id: 'call_bawn', name: SHELL,
		args: { command: process.env.MODEL_COMMAND, description: 'script' } } };
}

async function answer(request, response) {
	const parts = [];

	for await (const part of request)
		parts.push(part);
	const action = /\/models\/([^:]+):(\w+)/.exec(request.url);
	let body = null;
	try {
		body = JSON.parse(Buffer.concat(parts).toString());
	} catch { /* no JSON: no model request */ }
	if (!action || !body) {
		response.writeHead(404, { 'content-type': 'application/json' });
		response.end('{"error":{"code":404,"status":"NOT_FOUND","message":"-"}}');
		return;
	}
	const whole = JSON.stringify(action[2] === 'countTokens' ? { totalTokens: 100 } : {
		candidates: [{ index: 0, finishReason: 'STOP',
			content: { role: 'model', parts: [partFor(body)] } }],
		usageMetadata: { promptTokenCount: 100, candidatesTokenCount: 10,
			totalTokenCount: 110 },
		modelVersion: action[1] });
	if (action[2] === 'streamGenerateContent') {
		response.writeHead(200, { 'content-type': 'text/event-stream' });
		response.end(`data: ${whole}\r\n\r\n`);
	} else {
		response.writeHead(200, { 'content-type': 'application/json' });
		response.end(whole);
	}
}

const server = createServer((q, s) => answer(q, s).catch(() => s.destroy()));
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
