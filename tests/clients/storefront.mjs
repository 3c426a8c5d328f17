// The example of instxnt's documentation, as it stands there but for base URL, cookie, the wait
// between two looks at the job, and what only TypeScript reads.

const BASE = process.env.BASE_URL;
const COOKIE = process.env.INSTXNT_SESSION_COOKIE;

async function api(path, init = {}) {
  const csrf = await fetch(`${BASE}/api/auth/csrf`, { headers: { Cookie: COOKIE } })
    .then(r => r.json())
    .then(j => j.token);
  return fetch(`${BASE}${path}`, {
    ...init,
    headers: {
      'Content-Type': 'application/json',
      'X-CSRF-Token': csrf,
      Cookie: COOKIE,
      ...(init.headers || {}),
    },
  });
}

const store = await api('/api/stores', {
  method: 'POST',
  body: JSON.stringify({ name: 'Magnetic phone mount' }),
}).then(r => r.json());

const job = await api('/api/generate/start', {
  method: 'POST',
  body: JSON.stringify({
    store_id: store.id,
    image_url: 'https://images.instxnt.xyz/uploads/abc.jpg',
    hints: { product_kind: 'car accessory', tone: 'casual' },
  }),
}).then(r => r.json());

let status;
do {
  await new Promise(r => setTimeout(r, Number(process.env.WAIT_MS)));
  status = await fetch(`${BASE}/api/generate/status/${job.job_id}`, { headers: { Cookie: COOKIE } })
    .then(r => r.json());
} while (status.status === 'queued' || status.status === 'running');

if (status.status !== 'succeeded') throw new Error('Generation failed');

await api(`/api/stores/${store.id}/product`, {
  method: 'PATCH',
  body: JSON.stringify(status.output),
});

console.log(JSON.stringify({ store, output: status.output }));
