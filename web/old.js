// In a browser that knows no modules: it checks nothing and says so, and the code leaves the address bar all the same.
if (history.replaceState) history.replaceState(null, '', location.pathname);
document.getElementById('broken').removeAttribute('hidden');
