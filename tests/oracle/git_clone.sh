set -eu
export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b GIT_AUTHOR_DATE='2020-01-01T00:00:00Z' GIT_COMMITTER_DATE='2020-01-01T00:00:00Z'
git init -q -b main one && cd one
for n in $(seq 1 30); do for f in a b c; do seq $n $((n * 20)) > $f.txt; done; mkdir -p d$((n % 5)); echo $n > d$((n % 5))/$n; git add -A; git commit -qm "change $n"; done
git tag -a -m tag v1; git branch side HEAD~10
cd .. && git clone -q one two && cd two && git log --oneline | head -3 && git checkout -q side 2>&1 | cat
git count-objects -v | grep -v size; git gc -q --aggressive --prune=now; git count-objects -v; git fsck --full --strict
git verify-pack -v .git/objects/pack/*.idx | tail -3 | cut -c1-60
cd .. && git clone -q --bare "file://$PWD/one" three.git && git -C three.git rev-parse HEAD && git -C three.git for-each-ref
cd two && git merge -q main && echo more >> a.txt && git commit -qam more && git push -q ../three.git HEAD:refs/heads/pushed && git -C ../three.git log --oneline pushed | head -2
git stash list; git grep -c 17 | head -4; git blame a.txt | head -2; git bisect start -q HEAD HEAD~8 2>&1 | tail -1; git worktree add -q ../four main; ls ../four; git archive HEAD | tar t | head -5; git repack -adq; git fsck; git rev-parse HEAD
