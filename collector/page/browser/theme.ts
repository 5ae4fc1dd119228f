// A classic script, run before the first paint: the other theme must not flash.
try {
  const remembered = localStorage.getItem('theme')
  if (remembered === 'light' || remembered === 'dark') document.documentElement.dataset.theme = remembered
} catch {
  // Storage is refused: use the theme of the system.
}
