// Takes the code out of the address bar, before anything else is fetched or done, and then shows what it is
// worth. The code is kept in memory alone.
function take() {
  const scanned = location.hash.slice(1);
  if (location.hash || location.search) history.replaceState(null, '', location.pathname);
  return scanned;
}

let scanned = take();
const view = import('./view.mjs');

async function show() {
  try {
    (await view).show(scanned);
  } catch {
    document.getElementById('broken').hidden = false;
  }
  scanned = '';
}

addEventListener('hashchange', () => {
  if (location.hash.length < 2) return;
  scanned = take();
  show();
});
show();
