// Verifies a webhook of xPage: node verify.mjs SECRET SIGNATURE < body
import { createHmac, timingSafeEqual } from 'node:crypto';
import { readFileSync } from 'node:fs';

const [secret, signature] = process.argv.slice(2);
const body = readFileSync(0); // the raw bytes, before anything parses them
const expected = 'sha256=' + createHmac('sha256', secret).update(body).digest('hex');
const given = Buffer.from(signature);
const wanted = Buffer.from(expected);
const genuine = given.length === wanted.length && timingSafeEqual(given, wanted);
console.log(genuine ? `genuine ${JSON.parse(body).topic}` : 'forged');
