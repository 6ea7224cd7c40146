// Lists the licences of who is logged in, and displays one: a code lives for a minute, so a new one is drawn
// when the gateway says so, as long as the page is looked at.
const at = (id) => document.getElementById(id);
let drawing;

function tell(text) {
  at('message').textContent = text;
}

async function draw(licence) {
  clearTimeout(drawing);
  const answer = await fetch('/api/codes', { method: 'POST', headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ licence }) });
  at('code').hidden = !answer.ok;
  if (!answer.ok) return tell('暂时不能亮证，请稍后再试。');
  const old = at('code').src;
  at('code').src = URL.createObjectURL(await answer.blob());
  if (old) URL.revokeObjectURL(old);
  tell('请让对方扫描下面的二维码。');
  const refreshAfter = Date.parse(answer.headers.get('code-refresh-after')) - Date.parse(answer.headers.get('date'));
  drawing = setTimeout(() => draw(licence), Math.max(refreshAfter, 1000));
}

const answer = await fetch('/api/licences');
if (!answer.ok) {
  tell('暂时无法读取证照，请稍后再试。');
} else {
  for (const licence of (await answer.json()).licences) {
    const item = document.createElement('li'), button = document.createElement('button');
    button.textContent = '亮证';
    button.disabled = licence.status !== 'valid';
    button.onclick = () => draw(licence.id);
    item.append(`${licence.type?.name ?? ''} ${licence.number ?? ''} `, button);
    at('licences').append(item);
  }
}
document.addEventListener('visibilitychange', () => {
  if (document.hidden) clearTimeout(drawing), at('code').hidden = true;
});
